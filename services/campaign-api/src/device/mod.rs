//! Devices: the apps and browsers of contacts that notifications go to.

mod link;
mod list;
mod register;
mod unregister;
mod view;

use crate::state::State;
use proto::device::{
    CreateDeviceLinkRequest, CreateDeviceLinkResponse, ListDevicesRequest, ListDevicesResponse, RegisterDeviceRequest,
    RegisterDeviceResponse, UnregisterDeviceRequest, UnregisterDeviceResponse,
    device_service_server::{DeviceService, DeviceServiceServer},
};
use tonic::{Request, Response, Status};

pub struct Devices(State);

pub fn service(state: State) -> DeviceServiceServer<Devices> {
    DeviceServiceServer::new(Devices(state))
}

#[tonic::async_trait]
impl DeviceService for Devices {
    async fn register_device(&self, request: Request<RegisterDeviceRequest>) -> Result<Response<RegisterDeviceResponse>, Status> {
        register::run(&self.0, request).await.map(Response::new)
    }

    async fn unregister_device(&self, request: Request<UnregisterDeviceRequest>) -> Result<Response<UnregisterDeviceResponse>, Status> {
        unregister::run(&self.0, request).await.map(Response::new)
    }

    async fn list_devices(&self, request: Request<ListDevicesRequest>) -> Result<Response<ListDevicesResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn create_device_link(&self, request: Request<CreateDeviceLinkRequest>) -> Result<Response<CreateDeviceLinkResponse>, Status> {
        link::run(&self.0, request).await.map(Response::new)
    }
}
