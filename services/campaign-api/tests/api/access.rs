//! Who may call what: every RPC, found in the descriptors, so that a new one can't be forgotten.

use crate::support::Api;
use domain::{WorkspaceId, role::Role};
use futures::StreamExt as _;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use runtime::auth::Grant;
use std::{collections::BTreeMap, time::Duration};
use time::OffsetDateTime;
use tonic::{Code, Request, Status, codegen::http::uri::PathAndQuery, metadata::MetadataValue};
use tonic_prost::ProstCodec;

/// Every RPC that campaign-api serves, with the least role that may call it.
const ROLES: &[(&str, Role)] = &[
    ("campaign.v1.CampaignService/ApproveCampaign", Role::Admin),
    ("campaign.v1.CampaignService/CancelCampaign", Role::Admin),
    ("campaign.v1.CampaignService/CloneCampaign", Role::Agent),
    ("campaign.v1.CampaignService/CreateCampaign", Role::Agent),
    ("campaign.v1.CampaignService/DryRunCampaign", Role::Agent),
    ("campaign.v1.CampaignService/GetCampaign", Role::Agent),
    ("campaign.v1.CampaignService/ListAlerts", Role::Agent),
    ("campaign.v1.CampaignService/ListCampaigns", Role::Agent),
    ("campaign.v1.CampaignService/PauseCampaign", Role::Admin),
    ("campaign.v1.CampaignService/PreviewAudience", Role::Agent),
    ("campaign.v1.CampaignService/RecordConversion", Role::Agent),
    ("campaign.v1.CampaignService/RejectCampaign", Role::Admin),
    ("campaign.v1.CampaignService/ResolveAlert", Role::Admin),
    ("campaign.v1.CampaignService/ResumeCampaign", Role::Admin),
    ("campaign.v1.CampaignService/RetryFailed", Role::Admin),
    ("campaign.v1.CampaignService/SendCampaign", Role::Admin),
    ("campaign.v1.CampaignService/SettleUnknown", Role::Admin),
    ("campaign.v1.CampaignService/SubmitCampaign", Role::Agent),
    ("campaign.v1.CampaignService/UpdateCampaign", Role::Agent),
    ("contact.v1.ContactService/DeleteContact", Role::Agent),
    ("contact.v1.ContactService/GetContact", Role::Agent),
    ("contact.v1.ContactService/ImportContacts", Role::Agent),
    ("contact.v1.ContactService/ListContacts", Role::Agent),
    ("contact.v1.ContactService/UpsertContact", Role::Agent),
    ("contact.v1.ListService/AddListMembers", Role::Agent),
    ("contact.v1.ListService/CreateList", Role::Agent),
    ("contact.v1.ListService/GetList", Role::Agent),
    ("contact.v1.ListService/ListLists", Role::Agent),
    ("contact.v1.ListService/RemoveListMembers", Role::Agent),
    ("contact.v1.ListService/UpdateList", Role::Agent),
    ("optout.v1.OptOutService/AddOptOuts", Role::Agent),
    ("optout.v1.OptOutService/ListOptOuts", Role::Agent),
    ("optout.v1.OptOutService/RemoveOptOut", Role::Admin),
    ("sender.v1.SenderService/CreateSender", Role::Admin),
    ("sender.v1.SenderService/GetSender", Role::Agent),
    ("sender.v1.SenderService/ListProviders", Role::Agent),
    ("sender.v1.SenderService/ListSenders", Role::Agent),
    ("sender.v1.SenderService/PauseSender", Role::Admin),
    ("sender.v1.SenderService/ResumeSender", Role::Admin),
    ("sender.v1.SenderService/UpdateSender", Role::Admin),
    ("template.v1.TemplateService/CreateTemplate", Role::Agent),
    ("template.v1.TemplateService/GetTemplate", Role::Agent),
    ("template.v1.TemplateService/ListTemplates", Role::Agent),
    ("template.v1.TemplateService/PreviewTemplate", Role::Agent),
    ("template.v1.TemplateService/UpdateTemplate", Role::Agent),
    ("workspace.v1.WorkspaceService/CreateWorkspace", Role::Internal),
    ("workspace.v1.WorkspaceService/GetWorkspace", Role::Agent),
    ("workspace.v1.WorkspaceService/UpdateWorkspace", Role::Admin),
];

/// `campaign.v1.CampaignService/GetCampaign` and so on: all there are, in any service of the hub.
fn all_rpcs() -> Vec<String> {
    let set = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    let files = set.file.iter().filter_map(|file| Some((file.package().strip_prefix("fanfare.")?, &file.service)));
    let services = files.flat_map(|(package, services)| services.iter().map(move |service| (package, service)));
    services
        .flat_map(|(package, service)| service.method.iter().map(move |method| format!("{package}.{}/{}", service.name(), method.name())))
        .collect()
}

/// Calls an RPC with an empty message, whatever its kind, and answers with how it ended.
async fn call(api: &Api, rpc: &str, token: Option<&str>) -> Result<(), Status> {
    let path: PathAndQuery = format!("/fanfare.{rpc}").parse().unwrap();
    let mut request = Request::new(futures::stream::once(async {}));
    if let Some(token) = token {
        let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let mut client = tonic::client::Grpc::new(api.channel.clone());
    client.ready().await.unwrap();
    let mut answers = client.streaming(request, path, ProstCodec::<(), ()>::default()).await?.into_inner();
    while let Some(answer) = answers.next().await {
        answer?;
    }
    Ok(())
}

async fn code(api: &Api, rpc: &str, token: Option<&str>) -> Code {
    call(api, rpc, token).await.err().map_or(Code::Ok, |status| status.code())
}

#[tokio::test]
async fn the_table_names_exactly_what_is_served() {
    let api = Api::start().await;
    let token = api.token(Some(WorkspaceId::new()), Role::Agent);
    let table: BTreeMap<_, _> = ROLES.iter().copied().collect();
    for rpc in all_rpcs() {
        let served = code(&api, &rpc, Some(&token)).await != Code::Unimplemented;
        assert_eq!(served, table.contains_key(rpc.as_str()), "{rpc}");
    }
}

#[tokio::test]
async fn no_rpc_answers_without_a_good_token() {
    let api = Api::start().await;
    let other = Api::start().await;
    let workspace = Some(WorkspaceId::new());
    let now = OffsetDateTime::now_utc();
    let admin = |issued_at| Grant::new("someone", workspace, Role::Admin, issued_at);
    let expired = api.issuer.token(&Grant { ttl: Duration::from_secs(60), ..admin(now - Duration::from_secs(3600)) }).unwrap();
    let foreign = api.issuer.token(&Grant { audience: "elsewhere".to_owned(), ..admin(now) }).unwrap();
    let forged = other.token(workspace, Role::Admin);
    for rpc in all_rpcs() {
        for token in [None, Some(""), Some("nonsense"), Some(expired.as_str()), Some(&foreign), Some(&forged)] {
            assert_eq!(code(&api, &rpc, token).await, Code::Unauthenticated, "{rpc} with {token:?}");
        }
    }
}

#[tokio::test]
async fn each_role_may_what_the_table_says_and_no_more() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    for role in [Role::Agent, Role::Admin, Role::Internal] {
        let token = api.token(Some(workspace.id), role);
        for (rpc, required) in ROLES {
            let code = code(&api, rpc, Some(&token)).await;
            assert_eq!(code != Code::PermissionDenied, role.allows(*required), "{rpc} as {role}: {code:?}");
            assert!(
                ![Code::Unauthenticated, Code::Unimplemented, Code::Internal, Code::Unknown].contains(&code),
                "{rpc} as {role}: {code:?}"
            );
        }
    }
}
