//! Another workspace's things don't exist: an id of one is refused exactly as an id of nothing is, wherever it stands in a request,
//! and nothing of that workspace is told or changed.

use crate::{
    cases,
    hub::Hub,
    none,
    request::{self, Place},
    rpc::{self, Rpc},
    services,
    wire::{Headers, Outcome, bearer},
    world::{self, Ids, World},
};
use domain::role::Role;
use std::collections::BTreeMap;
use tonic::Code;

/// One RPC, two workspaces, and what is found out.
struct Trial<'a> {
    hub: &'a Hub,
    rpc: &'a Rpc,
    places: &'a [Place],
    ours: &'a World,
    theirs: &'a World,
    found: Vec<String>,
}

/// Whether a call was refused because of the id in a place, and rightly.
fn is_refused(outcome: &Outcome, place: &Place) -> bool {
    match outcome.code {
        Code::NotFound => outcome.reason == "NOT_FOUND",
        Code::InvalidArgument => outcome.fields.contains(&place.name()),
        _ => false,
    }
}

/// The requests that a foreign id may come in: alone, with what else the request is about, and with all other ids. Those are ours.
fn companies<'a>(places: &'a [Place], place: &Place) -> Vec<Vec<&'a Place>> {
    let others: Vec<_> = places.iter().filter(|other| other.name() != place.name()).collect();
    let plain = others.iter().copied().filter(|other| other.is_plain()).collect();
    let mut companies = vec![Vec::new(), plain, others];
    companies.dedup_by_key(|company| company.len());
    companies
}

impl Trial<'_> {
    fn admin(&self, world: &World) -> Headers {
        bearer(&self.hub.token(world.workspace, Role::Admin))
    }

    fn request(&self, place: &Place, id: &Ids, company: &[&Place], rest: &Ids) -> Vec<u8> {
        let rest = company.iter().map(|place| (*place, rest));
        request::message(self.rpc, &rest.chain([(place, id)]).collect::<Vec<_>>())
    }

    fn note(&mut self, place: &Place, problem: &str, outcome: &Outcome) {
        self.found.push(format!(
            "{} with a foreign {} in {}: {problem}: {}",
            self.rpc.name(),
            place.kind,
            place.name(),
            outcome.in_words()
        ));
    }

    async fn run(&mut self) {
        let places = self.places;
        for place in places {
            let mut is_reached = false;
            for company in companies(places, place) {
                let is_refused = self.try_in(place, &company).await;
                if is_refused == Some(true) && !is_reached {
                    self.check_owner(place, &company).await;
                }
                is_reached |= is_refused.is_some();
            }
            if !is_reached {
                let example = self.request(place, &self.theirs.ids, &[], &self.ours.ids);
                let outcome = self.hub.call(self.rpc, example, &self.admin(self.ours)).await;
                self.note(place, "no request comes as far as the id; cases.rs may give it what it lacks", &outcome);
            }
        }
    }

    /// Answers whether the id was refused; None when the request didn't come as far.
    async fn try_in(&mut self, place: &Place, company: &[&Place]) -> Option<bool> {
        let foreign = self.request(place, &self.theirs.ids, company, &self.ours.ids);
        let outcome = self.hub.call(self.rpc, foreign, &self.admin(self.ours)).await;
        if !world::digest_is_the_same(self.hub, self.theirs.workspace).await {
            self.note(place, "the other workspace was changed", &outcome);
            world::note_digest(self.hub, self.theirs.workspace).await;
        }
        let told = outcome.answers.iter().map(|answer| String::from_utf8_lossy(answer)).collect::<String>();
        if self.theirs.ids.values().any(|id| id.len() == 36 && told.contains(id)) {
            self.note(place, "the answer names something of the other workspace", &outcome);
        }
        let nothing = world::random_ids();
        let request = self.request(place, &nothing, company, &self.ours.ids);
        let same = self.hub.call(self.rpc, request, &self.admin(self.ours)).await;
        // But for the id itself.
        let message = |outcome: &Outcome, ids: &Ids| outcome.message.replace(&ids[place.kind], "…");
        let (told, of_nothing) = (message(&outcome, &self.theirs.ids), message(&same, &nothing));
        if (same.code, of_nothing, &same.fields) != (outcome.code, told, &outcome.fields) {
            self.note(place, &format!("an id of nothing is refused otherwise ({})", same.in_words()), &outcome);
        }
        let (rpc, name) = (self.rpc.name(), place.name());
        match outcome.code {
            // A filter that nothing fits.
            Code::Ok if self.rpc.reads() || cases::COME_TO_NOTHING.contains(&(rpc.as_str(), name.as_str())) => Some(false),
            Code::Ok => {
                self.note(place, "it was taken", &outcome);
                Some(false)
            }
            Code::Internal | Code::Unknown | Code::Unimplemented | Code::PermissionDenied => {
                self.note(place, "it must not end so", &outcome);
                None
            }
            _ if is_refused(&outcome, place) => Some(true),
            _ => None,
        }
    }

    /// What is refused for its id must not be refused for that to whoever owns the thing: else the walk would prove nothing.
    async fn check_owner(&mut self, place: &Place, company: &[&Place]) {
        let own = World::new(self.hub).await;
        let request = self.request(place, &own.ids, company, &own.ids);
        let outcome = self.hub.call(self.rpc, request, &self.admin(&own)).await;
        let is_known = cases::NOT_EVEN_OURS.contains(&(self.rpc.name().as_str(), place.name().as_str()));
        if is_refused(&outcome, place) && !is_known {
            self.note(place, "its owner is refused too", &outcome);
        }
    }
}

#[tokio::test]
async fn what_belongs_to_another_workspace_is_not_there() {
    let hub = Hub::start().await;
    world::prepare_digests(&hub).await;
    let roles: BTreeMap<_, _> = services::roles().into_iter().collect();
    let (mut found, mut tried) = (Vec::new(), 0);
    for rpc in rpc::all() {
        // The hub's own services work for any workspace.
        if roles.get(&rpc.name()) == Some(&Role::Internal) {
            continue;
        }
        let places = match request::places(&rpc) {
            Ok(places) => places,
            Err(problem) => {
                found.push(problem);
                continue;
            }
        };
        if places.is_empty() {
            continue;
        }
        let (ours, theirs) = (World::new(&hub).await, World::new(&hub).await);
        world::note_digest(&hub, theirs.workspace).await;
        let mut trial = Trial { hub: &hub, rpc: &rpc, places: &places, ours: &ours, theirs: &theirs, found: Vec::new() };
        trial.run().await;
        tried += places.len();
        found.extend(trial.found);
    }
    none(&found);
    assert!(tried > 100, "{tried} places of ids");
}

/// What takes no id shows what is the caller's own: a workspace without anything sees nothing of one that is full.
#[tokio::test]
async fn what_asks_for_no_id_shows_nothing_of_another_workspace() {
    let hub = Hub::start().await;
    let (ours, theirs) = (World::new(&hub).await, World::new(&hub).await);
    let roles: BTreeMap<_, _> = services::roles().into_iter().collect();
    let token = bearer(&hub.token(ours.workspace, Role::Admin));
    let (mut found, mut answers) = (Vec::new(), 0);
    for rpc in rpc::all().iter().filter(|rpc| roles.get(&rpc.name()) != Some(&Role::Internal)) {
        let outcome = hub.call(rpc, Vec::new(), &token).await;
        answers += usize::from(outcome.code == Code::Ok);
        let told = outcome.answers.iter().map(|answer| String::from_utf8_lossy(answer)).collect::<String>();
        if theirs.ids.values().any(|id| id.len() == 36 && told.contains(id)) || told.contains(&theirs.workspace.to_string()) {
            found.push(format!("{} tells of another workspace", rpc.name()));
        }
    }
    none(&found);
    assert!(answers >= 10, "{answers} RPCs answer an empty request");
}
