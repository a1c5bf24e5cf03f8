//! The people whom a workspace lists, and who is calling. What the list says goes before the token; the authenticator reads it
//! (`runtime::auth`), here it is written.

mod caller;
mod create;
mod delete;
mod get;
mod limits;
mod list;
mod update;
mod view;

use crate::state::State;
use proto::workspace::{
    CreateUserRequest, CreateUserResponse, DeleteUserRequest, DeleteUserResponse, GetCallerRequest, GetCallerResponse, GetUserRequest,
    GetUserResponse, ListUsersRequest, ListUsersResponse, UpdateUserRequest, UpdateUserResponse,
    user_service_server::{UserService, UserServiceServer},
};
use tonic::{Request, Response, Status};

pub struct Users(State);

pub fn service(state: State) -> UserServiceServer<Users> {
    UserServiceServer::new(Users(state))
}

#[tonic::async_trait]
impl UserService for Users {
    async fn get_caller(&self, request: Request<GetCallerRequest>) -> Result<Response<GetCallerResponse>, Status> {
        caller::run(&request).map(Response::new)
    }

    async fn create_user(&self, request: Request<CreateUserRequest>) -> Result<Response<CreateUserResponse>, Status> {
        create::run(&self.0, request).await.map(Response::new)
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn list_users(&self, request: Request<ListUsersRequest>) -> Result<Response<ListUsersResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn update_user(&self, request: Request<UpdateUserRequest>) -> Result<Response<UpdateUserResponse>, Status> {
        update::run(&self.0, request).await.map(Response::new)
    }

    async fn delete_user(&self, request: Request<DeleteUserRequest>) -> Result<Response<DeleteUserResponse>, Status> {
        delete::run(&self.0, request).await.map(Response::new)
    }
}
