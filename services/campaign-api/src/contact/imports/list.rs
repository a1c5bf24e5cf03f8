//! ListImports.

use super::present;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::contact::{ListImportsRequest, ListImportsResponse};
use runtime::{auth, status};
use store::contact::file;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListImportsRequest>) -> Result<ListImportsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut imports = file::list(&mut tx, caller.workspace, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut imports, |import| import.import_id);
    let now = state.clock.now();
    Ok(ListImportsResponse { imports: imports.into_iter().map(|import| present(import, now)).collect(), next_page_token })
}
