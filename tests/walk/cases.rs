//! What a request needs to come as far as its ids, which the descriptors don't say. Who may call what is in `services.rs`.

/// What hands out access: not for API keys, whatever their role.
pub const TOKEN_ONLY: &[&str] = &[
    "workspace.v1.ApiKeyService/CreateApiKey",
    "workspace.v1.ApiKeyService/RevokeApiKey",
    "workspace.v1.UserService/CreateUser",
    "workspace.v1.UserService/DeleteUser",
    "workspace.v1.UserService/UpdateUser",
];

/// What a request has besides ids, as JSON: the first line counts whose RPC it is and whose place the id's starts with.
pub const GIVEN: &[(&str, &str, &str)] = &[
    (
        "campaign.v1.CampaignService/CreateCampaign",
        "settings.channels",
        r#"{"settings": {"name": "Walk", "channels": [{"channel": "CHANNEL_SMS"}]}}"#,
    ),
    ("campaign.v1.CampaignService/CreateCampaign", "", r#"{"settings": {"name": "Walk"}}"#),
    ("campaign.v1.CampaignService/RecordConversion", "", r#"{"request_id": "1"}"#),
    ("campaign.v1.CampaignService/RejectCampaign", "", r#"{"reason": "walk"}"#),
    ("campaign.v1.CampaignService/SettleUnknown", "", r#"{"action": "UNKNOWN_ACTION_RESEND"}"#),
    (
        "campaign.v1.CampaignService/UpdateCampaign",
        "settings.channels",
        r#"{"settings": {"name": "Walk", "channels": [{"channel": "CHANNEL_SMS"}]}}"#,
    ),
    ("campaign.v1.CampaignService/UpdateCampaign", "", r#"{"settings": {"name": "Walk"}}"#),
    ("consent.v1.ConsentService/LeaveTopics", "", r#"{"reason": "walk"}"#),
    ("consent.v1.ConsentService/RecordConsent", "", r#"{"evidence": "on paper", "confirmed_at": "2026-01-01T00:00:00Z"}"#),
    ("consent.v1.ConsentService/RejoinTopics", "", r#"{"reason": "walk"}"#),
    ("contact.v1.ContactService/EraseContact", "", r#"{"reason": "walk"}"#),
    ("contact.v1.ContactService/UpsertContact", "", r#"{"contact": {"name": "Walk"}}"#),
    ("optout.v1.OptOutService/AddOptOuts", "", r#"{"opt_outs": [{"address": "+971501234569"}]}"#),
    ("contact.v1.SegmentService/CountSegment", "filter.engagement", r#"{"filter": {"engagement": {"did": "DEED_OPENED"}}}"#),
    (
        "contact.v1.SegmentService/CreateSegment",
        "filter.engagement",
        r#"{"name": "Walk", "filter": {"engagement": {"did": "DEED_OPENED"}}}"#,
    ),
    ("contact.v1.SegmentService/CreateSegment", "", r#"{"name": "Walk"}"#),
    ("contact.v1.SegmentService/ListSegmentContacts", "filter.engagement", r#"{"filter": {"engagement": {"did": "DEED_OPENED"}}}"#),
    ("contact.v1.SegmentService/UpdateSegment", "filter.engagement", r#"{"filter": {"engagement": {"did": "DEED_OPENED"}}}"#),
    ("conversation.v1.ConversationService/AssignConversation", "", r#"{"handler": "HANDLER_PERSON"}"#),
    ("conversation.v1.ConversationService/Reply", "", r#"{"text": "walk"}"#),
    ("device.v1.DeviceService/RegisterDevice", "", r#"{"kind": "DEVICE_KIND_TOKEN", "target": "walk:APA91bwalkwalkwalkwalk"}"#),
    ("template.v1.LayoutService/UpdateLayout", "", r#"{"html": "<html><body>%BODY%</body></html>"}"#),
    (
        "template.v1.TemplateService/CreateTemplate",
        "content.email.files",
        r#"{"name": "Walk", "content": {"email": {"subject": "Walk", "html": "<p>Walk</p>", "files": [{}]}}}"#,
    ),
    (
        "template.v1.TemplateService/PreviewTemplate",
        "content.email.files",
        r#"{"channel": "CHANNEL_EMAIL", "content": {"email": {"subject": "Walk", "html": "<p>Walk</p>", "files": [{}]}}}"#,
    ),
    (
        "template.v1.TemplateService/UpdateTemplate",
        "content.email.files",
        r#"{"content": {"email": {"subject": "Walk", "html": "<p>Walk</p>", "files": [{}]}}}"#,
    ),
    (
        "template.v1.TemplateService/ValidateTemplate",
        "content.email.files",
        r#"{"content": {"email": {"subject": "Walk", "html": "<p>Walk</p>", "files": [{}]}}}"#,
    ),
    ("template.v1.TemplateService/PreviewTemplate", "", r#"{"channel": "CHANNEL_SMS"}"#),
    ("template.v1.TemplateService/TestSendTemplate", "", r#"{"channel": "CHANNEL_SMS", "addresses": ["+971501234568"]}"#),
];

/// Ids that a request can't come as far as, with the RPC in whose request they stand.
pub const IGNORED: &[(&str, &str)] = &[
    // Only those of the campaign are looked for, which is refused itself when it isn't the caller's.
    ("campaign.v1.CampaignService/SettleUnknown", "delivery_ids"),
];

/// Ids that come to nothing though the request is taken, because they are of nothing to the caller.
pub const COME_TO_NOTHING: &[(&str, &str)] = &[
    // A contact that got no message can't have been moved by one.
    ("campaign.v1.CampaignService/RecordConversion", "contact_id"),
    // The hub gives contacts their ids.
    ("contact.v1.ContactService/UpsertContact", "contact.id"),
    // Whoever isn't a member needn't be taken out.
    ("contact.v1.ListService/RemoveListMembers", "contact_ids"),
    // Of the evidence that a caller has, the hub keeps the text.
    ("optout.v1.OptOutService/AddOptOuts", "opt_outs.evidence.delivery_id"),
];

/// Fields that are ids though their names don't say of what: message, field, kind.
pub const ODD_IDS: &[(&str, &str, &str)] = &[
    ("GetAuditEntryRequest", "number", "audit_entry"),
    ("ListAuditEntriesRequest", "object_id", "campaign"),
    // Devices are of senders that carry push.
    ("RegisterDeviceRequest", "sender_id", "app"),
    ("CreateDeviceLinkRequest", "sender_id", "app"),
];

/// Fields that are named like ids but are the caller's own words.
pub const NO_IDS: &[&str] = &["content_id", "external_id", "order_id", "request_id", "whatsapp_id"];

/// Places whose id is refused to its owner too, in the state in which the walk has its things.
pub const NOT_EVEN_OURS: &[(&str, &str)] = &[
    // A channel of texts has one sender; campaign-api's own tests ask with channels that have several.
    ("campaign.v1.CampaignService/CreateCampaign", "settings.channels.also_sender_ids"),
    ("campaign.v1.CampaignService/UpdateCampaign", "settings.channels.also_sender_ids"),
];
