//! ListProviders.

use domain::role::Role;
use proto::{
    convert::channel_number,
    sender::{ListProvidersRequest, ListProvidersResponse, Provider, ProviderField},
};
use providers::registry::{Field, PROVIDERS};
use runtime::auth;
use tonic::{Request, Status};

pub fn run(request: &Request<ListProvidersRequest>) -> Result<ListProvidersResponse, Status> {
    auth::authorize(request, Role::Agent)?;
    let providers = PROVIDERS.iter().map(|provider| Provider {
        slug: provider.slug.to_owned(),
        channels: provider.channels.iter().copied().map(channel_number).collect(),
        settings: fields(provider.settings),
        secrets: fields(provider.secrets),
    });
    Ok(ListProvidersResponse { providers: providers.collect() })
}

fn fields(fields: &[Field]) -> Vec<ProviderField> {
    let present = |field: &Field| ProviderField { name: field.name.to_owned(), required: field.required, help: field.help.to_owned() };
    fields.iter().map(present).collect()
}
