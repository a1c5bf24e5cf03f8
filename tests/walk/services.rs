//! Who may call each RPC: what the descriptors don't say.

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
        name: "conversation.v1.ConversationService",
        agent: &[
            "ArchiveConversation",
            "AssignConversation",
            "GetConversation",
            "ListConversations",
            "ListMessages",
            "MarkConversationRead",
            "Reply",
            "WatchConversations",
        ],
        admin: &[],
        internal: &[],
    },
    Service {
        name: "device.v1.DeviceService",
        agent: &["CreateDeviceLink", "ListDevices", "RegisterDevice", "UnregisterDevice"],
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
        agent: &["GetSender", "ListProviders", "ListSenderPrices", "ListSenders"],
        admin: &[
            "CreateSender",
            "DisconnectSender",
            "FinishConnect",
            "ListConnectable",
            "ListUnreadPosts",
            "PauseSender",
            "ResumeSender",
            "SetSenderPrices",
            "StartConnect",
            "TestSender",
            "UpdateSender",
        ],
        internal: &[],
    },
    Service {
        name: "template.v1.AttachmentService",
        agent: &["CreateAttachment", "DeleteAttachment", "GetAttachment", "ListAttachments"],
        admin: &[],
        internal: &[],
    },
    Service {
        name: "template.v1.LayoutService",
        agent: &["CreateLayout", "DeleteLayout", "GetLayout", "ListLayouts", "UpdateLayout"],
        admin: &[],
        internal: &[],
    },
    Service {
        name: "template.v1.ProviderTemplateService",
        agent: &["GetProviderTemplate", "ListProviderTemplates", "SyncProviderTemplates"],
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
