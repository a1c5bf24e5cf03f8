//! What the descriptors don't say: who may call each RPC, and what a request needs to come as far as its ids.

use domain::role::Role;

/// The RPCs of one service by the least role that may call them.
struct Service {
    name: &'static str,
    agent: &'static [&'static str],
    admin: &'static [&'static str],
    internal: &'static [&'static str],
}

const SERVICES: &[Service] = &[
    Service {
        name: "analytics.v1.AnalyticsService",
        agent: &["Explain", "GetCampaignStats", "ListDeliveries", "RecountCampaign", "WatchCampaignStats"],
        admin: &["RebuildStats"],
        internal: &[],
    },
    Service {
        name: "campaign.v1.CampaignService",
        agent: &[
            "ClearCampaignContacts",
            "CloneCampaign",
            "CopyListsToCampaign",
            "CreateCampaign",
            "DryRunCampaign",
            "GetApproval",
            "GetCampaign",
            "GetConversionTotals",
            "ListAlerts",
            "ListApprovals",
            "ListCampaigns",
            "ListConversions",
            "PreviewAudience",
            "RecordConversion",
            "SubmitCampaign",
            "UpdateCampaign",
        ],
        admin: &[
            "ApproveCampaign",
            "CancelCampaign",
            "PauseCampaign",
            "RejectCampaign",
            "ResolveAlert",
            "ResumeCampaign",
            "RetryFailed",
            "SendCampaign",
            "SettleUnknown",
        ],
        internal: &[],
    },
    Service {
        name: "consent.v1.ConsentService",
        agent: &[
            "CreateConfirmationLinks",
            "CreatePreferenceLink",
            "GetListConsent",
            "GetPreferences",
            "LeaveTopics",
            "ListConsentEvents",
            "ListPendingMembers",
        ],
        admin: &["RecordConsent", "RejoinTopics", "UpdateListConsent"],
        internal: &[],
    },
    Service { name: "consent.v1.TopicService", agent: &["ListTopics"], admin: &["CreateTopic", "UpdateTopic"], internal: &[] },
    Service {
        name: "contact.v1.ContactService",
        agent: &[
            "DeleteContact",
            "DownloadImportProblems",
            "ExportContacts",
            "GetContact",
            "GetImport",
            "ImportContacts",
            "ListContacts",
            "ListImports",
            "UpsertContact",
        ],
        admin: &["EraseContact", "ExportContact"],
        internal: &[],
    },
    Service {
        name: "contact.v1.ListService",
        agent: &["AddListMembers", "CreateList", "GetList", "ListLists", "RemoveListMembers", "UpdateList"],
        admin: &[],
        internal: &[],
    },
    Service {
        name: "contact.v1.SegmentService",
        agent: &["CountSegment", "CreateSegment", "GetSegment", "ListSegmentContacts", "ListSegments", "UpdateSegment"],
        admin: &[],
        internal: &[],
    },
    Service {
        name: "operations.v1.DeadLetterService",
        agent: &[],
        admin: &[],
        internal: &["DropDeadLetters", "GetDeadLetter", "ListDeadLetters", "ReplayDeadLetters"],
    },
    Service {
        name: "optout.v1.OptOutService",
        agent: &["AddOptOuts", "ImportOptOuts", "ListOptOuts"],
        admin: &["RemoveOptOut"],
        internal: &[],
    },
    Service { name: "scheduler.v1.SchedulerService", agent: &[], admin: &[], internal: &["DropRemaining", "Requeue", "StartCampaign"] },
    Service {
        name: "sender.v1.SenderService",
        agent: &["GetSender", "ListProviders", "ListSenders"],
        admin: &["CreateSender", "PauseSender", "ResumeSender", "UpdateSender"],
        internal: &[],
    },
    Service {
        name: "template.v1.LayoutService",
        agent: &["CreateLayout", "DeleteLayout", "GetLayout", "ListLayouts", "UpdateLayout"],
        admin: &[],
        internal: &[],
    },
    Service {
        name: "template.v1.TemplateService",
        agent: &[
            "CloneTemplate",
            "CreateTemplate",
            "DiffTemplateVersions",
            "GetTemplate",
            "GetTestSend",
            "ListTemplateUses",
            "ListTemplateVersions",
            "ListTemplates",
            "PreviewTemplate",
            "TestSendTemplate",
            "UpdateTemplate",
            "ValidateTemplate",
        ],
        admin: &[],
        internal: &[],
    },
    Service {
        name: "workspace.v1.ApiKeyService",
        agent: &[],
        admin: &["CreateApiKey", "GetApiKey", "ListApiKeys", "RevokeApiKey"],
        internal: &[],
    },
    Service { name: "workspace.v1.AuditService", agent: &[], admin: &["GetAuditEntry", "ListAuditEntries"], internal: &[] },
    Service {
        name: "workspace.v1.UserService",
        agent: &["GetCaller"],
        admin: &["CreateUser", "DeleteUser", "GetUser", "ListUsers", "UpdateUser"],
        internal: &[],
    },
    Service {
        name: "workspace.v1.WorkspaceService",
        agent: &["GetWorkspace"],
        admin: &["UpdateWorkspace"],
        internal: &["CreateWorkspace"],
    },
];

/// Every RPC with the least role that may call it.
pub fn roles() -> Vec<(String, Role)> {
    let of =
        |service: &Service, verbs: &[&str], role| verbs.iter().map(|verb| (format!("{}/{verb}", service.name), role)).collect::<Vec<_>>();
    SERVICES
        .iter()
        .flat_map(|service| {
            [
                of(service, service.agent, Role::Agent),
                of(service, service.admin, Role::Admin),
                of(service, service.internal, Role::Internal),
            ]
            .concat()
        })
        .collect()
}

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
    ("template.v1.LayoutService/UpdateLayout", "", r#"{"html": "<html><body>%BODY%</body></html>"}"#),
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
pub const ODD_IDS: &[(&str, &str, &str)] =
    &[("GetAuditEntryRequest", "number", "audit_entry"), ("ListAuditEntriesRequest", "object_id", "campaign")];

/// Fields that are named like ids but are the caller's own words.
pub const NO_IDS: &[&str] = &["external_id", "order_id", "request_id"];

/// Places whose id is refused to its owner too, in the state in which the walk has its things.
pub const NOT_EVEN_OURS: &[(&str, &str)] = &[];
