//! API keys. What a key looks like and how one is checked is `runtime::auth`; here they are made, shown without their secret, and
//! revoked.

mod create;
mod get;
mod list;
mod revoke;
mod view;

use crate::state::State;
use proto::workspace::{
    CreateApiKeyRequest, CreateApiKeyResponse, GetApiKeyRequest, GetApiKeyResponse, ListApiKeysRequest, ListApiKeysResponse,
    RevokeApiKeyRequest, RevokeApiKeyResponse,
    api_key_service_server::{ApiKeyService, ApiKeyServiceServer},
};
use tonic::{Request, Response, Status};

pub struct ApiKeys(State);

pub fn service(state: State) -> ApiKeyServiceServer<ApiKeys> {
    ApiKeyServiceServer::new(ApiKeys(state))
}

#[tonic::async_trait]
impl ApiKeyService for ApiKeys {
    async fn create_api_key(&self, request: Request<CreateApiKeyRequest>) -> Result<Response<CreateApiKeyResponse>, Status> {
        create::run(&self.0, request).await.map(Response::new)
    }

    async fn get_api_key(&self, request: Request<GetApiKeyRequest>) -> Result<Response<GetApiKeyResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn list_api_keys(&self, request: Request<ListApiKeysRequest>) -> Result<Response<ListApiKeysResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn revoke_api_key(&self, request: Request<RevokeApiKeyRequest>) -> Result<Response<RevokeApiKeyResponse>, Status> {
        revoke::run(&self.0, request).await.map(Response::new)
    }
}
