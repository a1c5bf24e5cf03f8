//! The register of addresses that must not be messaged.

mod add;
mod import;
mod list;
mod remove;

use crate::state::State;
use domain::{
    Channel,
    address::{self, Address, PhoneRules},
};
use proto::{
    common,
    optout::{
        AddOptOutsRequest, AddOptOutsResponse, ImportOptOutsRequest, ListOptOutsRequest, ListOptOutsResponse, RemoveOptOutRequest,
        RemoveOptOutResponse,
        opt_out_service_server::{OptOutService, OptOutServiceServer},
    },
};
use tonic::{Request, Response, Status, Streaming};

pub struct OptOuts(State);

pub fn service(state: State) -> OptOutServiceServer<OptOuts> {
    OptOutServiceServer::new(OptOuts(state))
}

#[tonic::async_trait]
impl OptOutService for OptOuts {
    type ImportOptOutsStream = import::Answers;

    async fn add_opt_outs(&self, request: Request<AddOptOutsRequest>) -> Result<Response<AddOptOutsResponse>, Status> {
        add::run(&self.0, request).await.map(Response::new)
    }

    async fn list_opt_outs(&self, request: Request<ListOptOutsRequest>) -> Result<Response<ListOptOutsResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn remove_opt_out(&self, request: Request<RemoveOptOutRequest>) -> Result<Response<RemoveOptOutResponse>, Status> {
        remove::run(&self.0, request).await.map(Response::new)
    }

    async fn import_opt_outs(&self, request: Request<Streaming<ImportOptOutsRequest>>) -> Result<Response<import::Answers>, Status> {
        import::run(&self.0, request).await
    }
}

/// Reads a channel field: None in it means all channels; no answer means that there is no such channel.
fn channel(number: i32) -> Option<Option<Channel>> {
    common::Channel::try_from(number).ok().map(|_| proto::convert::channel(number))
}

/// Reads an address by the rules of its channel, or by its looks where it is for all channels.
fn address(channel: Option<Channel>, written: &str, rules: &PhoneRules) -> Address {
    match channel {
        Some(channel) => address::of_channel(channel, written, rules),
        None => address::any(written, rules),
    }
}

/// The key under which an address may be registered, even one that came from a provider and can't be read by our rules.
pub fn registered_key(channel: Option<Channel>, written: &str, rules: &PhoneRules) -> String {
    address(channel, written, rules).key.unwrap_or_else(|| written.trim().to_lowercase())
}
