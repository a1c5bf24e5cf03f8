//! Requests made from the descriptors: where ids stand in them, and messages with ids in those places.

use crate::{
    cases,
    rpc::{Rpc, snake},
    world::{Ids, KINDS},
};
use prost_reflect::{DeserializeOptions, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value, prost::Message as _};

/// Messages in messages that are looked into.
const MOST_LEVELS: usize = 5;

/// Where an id stands in a request, and of what.
#[derive(Debug, Clone)]
pub struct Place {
    path: Vec<FieldDescriptor>,
    pub kind: &'static str,
}

impl Place {
    /// `settings.channels.sender_id`.
    pub fn name(&self) -> String {
        self.path.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join(".")
    }

    /// Whether it is a single field of the request itself.
    pub fn is_plain(&self) -> bool {
        self.path.len() == 1 && !self.path[0].is_list()
    }
}

/// All places of ids in an RPC's request, or what can't be told about one.
pub fn places(rpc: &Rpc) -> Result<Vec<Place>, String> {
    let input = rpc.method.input();
    let mut found = Vec::new();
    look_into(rpc, &input, &mut vec![input.full_name().to_owned()], &[], &mut found)?;
    found.retain(|place| !cases::IGNORED.contains(&(rpc.name().as_str(), place.name().as_str())));
    Ok(found)
}

fn look_into(
    rpc: &Rpc,
    message: &MessageDescriptor,
    above: &mut Vec<String>,
    path: &[FieldDescriptor],
    found: &mut Vec<Place>,
) -> Result<(), String> {
    for field in message.fields().filter(|field| !field.is_map()) {
        let here = [path, std::slice::from_ref(&field)].concat();
        match field.kind() {
            Kind::Message(inner) => {
                let name = inner.full_name().to_owned();
                // A message in itself leads nowhere new.
                if name.starts_with("fanfare.") && !above.contains(&name) && above.len() < MOST_LEVELS {
                    above.push(name);
                    look_into(rpc, &inner, above, &here, found)?;
                    above.pop();
                }
            }
            Kind::String | Kind::Int64 => {
                if let Some(kind) = kind(rpc, message, &field, path.is_empty())? {
                    found.push(Place { path: here, kind });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a field names by its id; None when it names nothing.
fn kind(rpc: &Rpc, message: &MessageDescriptor, field: &FieldDescriptor, is_top: bool) -> Result<Option<&'static str>, String> {
    let name = field.name();
    if let Some((_, _, kind)) = cases::ODD_IDS.iter().find(|(of, odd, _)| *of == message.name() && *odd == name) {
        return Ok(Some(kind));
    }
    let stem = name.strip_suffix("_ids").or_else(|| name.strip_suffix("_id"));
    if cases::NO_IDS.contains(&name) || field.kind() != Kind::String {
        return Ok(None);
    }
    let kind = match (name, stem) {
        ("id", _) if is_top => own_kind(rpc),
        ("id", _) => KINDS.iter().find(|kind| **kind == snake(message.name())).copied(),
        (_, Some(stem)) => KINDS.iter().find(|kind| stem == **kind || stem.ends_with(&format!("_{kind}"))).copied(),
        (_, None) => return Ok(None),
    };
    let unknown =
        || format!("{}: what does {}.{name} name? Add its kind to world.rs, or the field to cases.rs", rpc.name(), message.name());
    kind.map(Some).ok_or_else(unknown)
}

/// What an RPC is about: the first kind in its name after the verb, else in its service's name.
fn own_kind(rpc: &Rpc) -> Option<&'static str> {
    let verb = snake(&rpc.verb);
    let noun = verb.split_once('_').map_or("", |(_, noun)| noun);
    let service = snake(rpc.service.rsplit('.').next().unwrap_or_default());
    [noun, service.as_str()].iter().find_map(|words| first_kind(words))
}

fn first_kind(words: &str) -> Option<&'static str> {
    let padded = format!("_{words}_");
    let place = |kind: &str| [format!("_{kind}_"), format!("_{kind}s_")].iter().filter_map(|word| padded.find(word.as_str())).min();
    // Of two that begin in one place the longer one: `test_send`.
    KINDS.iter().copied().filter_map(|kind| Some((place(kind)?, usize::MAX - kind.len(), kind))).min().map(|(_, _, kind)| kind)
}

/// A request with what `cases.rs` gives it, and with ids in some places, of which the last one is what it is all about.
pub fn message(rpc: &Rpc, ids: &[(&Place, &Ids)]) -> Vec<u8> {
    let about = ids.last().map(|(place, _)| place.name()).unwrap_or_default();
    let given = cases::GIVEN.iter().find(|(name, place, _)| *name == rpc.name() && about.starts_with(place));
    let mut message = given.map_or_else(|| DynamicMessage::new(rpc.method.input()), |(name, _, json)| read(rpc, name, json));
    for (place, ids) in ids {
        set(&mut message, &place.path, &ids[place.kind]);
    }
    message.encode_to_vec()
}

fn read(rpc: &Rpc, name: &str, json: &str) -> DynamicMessage {
    let mut json = serde_json::Deserializer::from_str(json);
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let read = DynamicMessage::deserialize_with_options(rpc.method.input(), &mut json, &options);
    read.unwrap_or_else(|error| panic!("what cases.rs gives to {name}: {error}"))
}

fn set(message: &mut DynamicMessage, path: &[FieldDescriptor], id: &str) {
    let [field, rest @ ..] = path else { return };
    let value = match (rest, field.kind()) {
        ([], Kind::Int64) => Value::I64(id.parse().unwrap()),
        ([], _) => Value::String(id.to_owned()),
        (_, Kind::Message(inner)) => {
            let mut child = child(message, field).unwrap_or_else(|| DynamicMessage::new(inner));
            set(&mut child, rest, id);
            Value::Message(child)
        }
        _ => return,
    };
    message.set_field(field, if field.is_list() { Value::List(vec![value]) } else { value });
}

/// The message that is in a field already; of several the first.
fn child(message: &DynamicMessage, field: &FieldDescriptor) -> Option<DynamicMessage> {
    if !message.has_field(field) {
        return None;
    }
    match message.get_field(field).into_owned() {
        Value::Message(child) => Some(child),
        Value::List(children) => children.into_iter().next()?.as_message().cloned(),
        _ => None,
    }
}

#[test]
fn an_rpc_is_about_what_its_name_says() {
    let kind = |service: &str, verb: &str| {
        let found = crate::rpc::all().into_iter().find(|rpc| rpc.service == service && rpc.verb == verb);
        own_kind(&found.unwrap_or_else(|| panic!("{verb} is there")))
    };
    assert_eq!(kind("campaign.v1.CampaignService", "PreviewAudience"), Some("campaign"));
    assert_eq!(kind("contact.v1.ListService", "UpdateList"), Some("list"));
    assert_eq!(kind("workspace.v1.ApiKeyService", "RevokeApiKey"), Some("api_key"));
    assert_eq!(first_kind("test_send"), Some("test_send"));
    assert_eq!(first_kind("segment_contacts"), Some("segment"));
}

#[test]
fn ids_are_set_where_they_stand() {
    let rpc = crate::rpc::all().into_iter().find(|rpc| rpc.verb == "CreateCampaign").unwrap();
    let places = places(&rpc).unwrap();
    let sender = places.iter().find(|place| place.name() == "settings.channels.sender_id").unwrap();
    let ids = crate::world::random_ids();
    let message = DynamicMessage::decode(rpc.method.input(), message(&rpc, &[(sender, &ids)]).as_slice()).unwrap();
    let shown = format!("{message:?}");
    assert!(shown.contains(&ids["sender"]) && !shown.contains(&ids["list"]), "{shown}");
}
