//! What a campaign needs before it can be reviewed: an audience, content for every channel, senders that fit.

use super::{ChannelSettings, ConsentFacts, ScheduleText, Settings, consent, guards};
use crate::{Channel, ListId, SegmentId, SenderId, TemplateId, content::Network};
use std::collections::{BTreeMap, BTreeSet};

/// Senders beside a channel's first one at most.
pub const MAX_ALSO_SENDERS: usize = 50;

/// What is known of the things that campaigns refer to, of one workspace. What isn't in here doesn't exist there.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub templates: BTreeMap<TemplateId, TemplateFacts>,
    pub senders: BTreeMap<SenderId, SenderFacts>,
    pub lists: BTreeMap<ListId, ListFacts>,
    pub segments: BTreeMap<SegmentId, SegmentFacts>,
    pub consent: ConsentFacts,
}

#[derive(Debug, Clone, Default)]
pub struct TemplateFacts {
    pub version: i32,
    pub email: bool,
    pub sms: bool,
    /// Slugs of the providers that it has a WhatsApp variant for.
    pub whatsapp: Vec<String>,
    pub push: bool,
    /// The networks that it has a post for.
    pub social: Vec<Network>,
    pub archived: bool,
}

#[derive(Debug, Clone)]
pub struct SenderFacts {
    pub channel: Channel,
    pub provider: String,
    /// Of its price.
    pub currency: String,
    /// It has no account yet, or lost it.
    pub disconnected: bool,
}

#[derive(Debug, Clone, Copy)]
pub struct ListFacts {
    pub archived: bool,
}

#[derive(Debug, Clone, Copy)]
pub struct SegmentFacts {
    pub archived: bool,
}

/// Something that is missing or doesn't fit, with the field it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// As in the proto: `settings.template_id`.
    pub field: String,
    pub problem: String,
    /// Whether it points at something that isn't there or can never fit: no draft may be stored with it. Else it is only
    /// unfinished.
    pub wrong: bool,
}

impl Gap {
    /// Whether it says that nobody was chosen to send to: contacts that were copied into the campaign fill it.
    #[must_use]
    pub fn is_no_audience(&self) -> bool {
        self.field == NO_AUDIENCE
    }
}

const NO_AUDIENCE: &str = "settings.list_ids";

/// Everything that stands between a campaign and its review; empty when it is complete.
#[must_use]
pub fn gaps(settings: &Settings, facts: &Facts) -> Vec<Gap> {
    let mut gaps = Gaps::default();
    audience(settings, facts, &mut gaps);
    senders(settings, facts, &mut gaps);
    content(settings, facts, &mut gaps);
    guards::check(settings, facts, &mut gaps);
    consent::check(settings, &facts.consent, &mut gaps);
    if let Some(Err(error)) = settings.schedule.as_ref().map(ScheduleText::instant) {
        gaps.wrong(format!("settings.schedule.{}", error.field()), error.to_string());
    }
    gaps.0
}

#[derive(Default)]
pub(super) struct Gaps(Vec<Gap>);

impl Gaps {
    pub(super) fn wrong(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Gap { field: field.into(), problem: problem.into(), wrong: true });
    }

    pub(super) fn unfinished(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Gap { field: field.into(), problem: problem.into(), wrong: false });
    }
}

fn audience(settings: &Settings, facts: &Facts, gaps: &mut Gaps) {
    // Posts go to everybody.
    let needed = settings.channels.is_empty() || settings.has_contacts();
    if needed && settings.list_ids.is_empty() && settings.segment_ids.is_empty() {
        gaps.unfinished(NO_AUDIENCE, "choose at least one list or segment of contacts");
    }
    for (name, ids) in [("list_ids", &settings.list_ids), ("exclude_list_ids", &settings.exclude_list_ids)] {
        for (index, id) in ids.iter().enumerate() {
            let field = format!("settings.{name}[{index}]");
            match facts.lists.get(id) {
                None => gaps.wrong(field, format!("there is no list {id}")),
                Some(list) if list.archived => gaps.unfinished(field, "this list is archived: restore it or choose another"),
                Some(_) => {}
            }
        }
    }
    for (name, ids) in [("segment_ids", &settings.segment_ids), ("exclude_segment_ids", &settings.exclude_segment_ids)] {
        for (index, id) in ids.iter().enumerate() {
            let field = format!("settings.{name}[{index}]");
            match facts.segments.get(id) {
                None => gaps.wrong(field, format!("there is no segment {id}")),
                Some(segment) if segment.archived => gaps.unfinished(field, "this segment is archived: restore it or choose another"),
                Some(_) => {}
            }
        }
    }
}

fn senders(settings: &Settings, facts: &Facts, gaps: &mut Gaps) {
    if settings.channels.is_empty() {
        gaps.unfinished("settings.channels", "choose at least one channel and its sender");
    }
    for (channel, of) in &settings.channels {
        fits(*channel, of.sender_id, format!("settings.channels[{channel}].sender_id"), facts, gaps);
        several(*channel, of, facts, gaps);
    }
}

fn fits(channel: Channel, id: SenderId, field: String, facts: &Facts, gaps: &mut Gaps) {
    match facts.senders.get(&id) {
        None => gaps.wrong(field, format!("there is no sender {id}")),
        Some(sender) if sender.channel != channel => {
            gaps.wrong(field, format!("this sender is for {}, not for {channel}", sender.channel));
        }
        Some(sender) if sender.disconnected => gaps.unfinished(field, "this sender has no account: connect it first"),
        Some(_) => {}
    }
}

fn several(channel: Channel, of: &ChannelSettings, facts: &Facts, gaps: &mut Gaps) {
    let field = format!("settings.channels[{channel}].also_sender_ids");
    if of.also_sender_ids.is_empty() {
        return;
    }
    if !channel.has_several_senders() {
        return gaps.wrong(field, format!("{channel} goes by one sender: leave it out, or name a fallback_sender_id"));
    }
    if of.also_sender_ids.len() > MAX_ALSO_SENDERS {
        return gaps.wrong(field, format!("must be at most {MAX_ALSO_SENDERS} senders"));
    }
    let mut named = BTreeSet::from([of.sender_id]);
    for (index, id) in of.also_sender_ids.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if named.insert(*id) {
            fits(channel, *id, field, facts, gaps);
        } else {
            gaps.wrong(field, "this sender is there twice");
        }
    }
}

fn content(settings: &Settings, facts: &Facts, gaps: &mut Gaps) {
    let field = "settings.template_id";
    let Some(id) = settings.template_id else {
        return gaps.unfinished(field, "choose a template");
    };
    let Some(template) = facts.templates.get(&id) else {
        return gaps.wrong(field, format!("there is no template {id}"));
    };
    if template.archived {
        gaps.unfinished(field, "this template is archived: restore it or choose another");
    }
    for (channel, of) in &settings.channels {
        let missing = match channel {
            Channel::Email => !template.email,
            Channel::Sms => !template.sms,
            Channel::Whatsapp => template.whatsapp.is_empty(),
            Channel::Push => !template.push,
            Channel::Social => template.social.is_empty(),
        };
        if missing {
            gaps.unfinished(field, format!("the template has no {channel} variant: add one, or leave the channel out"));
            continue;
        }
        if *channel == Channel::Social {
            networks(of, template, facts, gaps);
        }
        if *channel != Channel::Whatsapp {
            continue;
        }
        // A WhatsApp template is registered with one provider, and unknown to the others.
        let known = of.senders().filter_map(|id| facts.senders.get(&id));
        for sender in known.filter(|sender| !template.whatsapp.contains(&sender.provider)) {
            let provider = &sender.provider;
            gaps.unfinished(
                field,
                format!("the template's whatsapp variant has nothing for {provider}, the provider of a sender of this campaign"),
            );
        }
    }
}

/// Each account needs something to post on its network.
fn networks(of: &ChannelSettings, template: &TemplateFacts, facts: &Facts, gaps: &mut Gaps) {
    let mut told = BTreeSet::new();
    for sender in of.parts().filter_map(|id| facts.senders.get(&id)) {
        let Ok(network) = sender.provider.parse::<Network>() else { continue };
        if !template.social.contains(&network) && told.insert(network) {
            let problem = format!("the template's social variant is not for {network}, the network of an account of this campaign");
            gaps.unfinished("settings.template_id", problem);
        }
    }
}
