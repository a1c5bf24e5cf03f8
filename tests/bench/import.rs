//! An import of a million untidy rows: how long it takes, what it counts, and how much memory campaign-api has at most; and previews of that
//! audience, at once and when the database has tidied up.

use anyhow::{Result, ensure};
use cli::{
    contacts::import::{import, list_named},
    session::Session,
};
use e2e::{World, messy};
use proto::{
    campaign::{Audience, PreviewAudienceRequest},
    contact::{
        AttributeTest, CreateSegmentRequest, Filter, Filters, ImportOptions, ProfileField, ProfileTest, TextTest, attribute_test::Is,
        filter::Test as Part, text_test::Test as Text,
    },
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ROWS: u64 = 1_000_000;
/// Until autovacuum has looked once (it does so each minute) and is through.
const TIDYING: Duration = Duration::from_secs(80);
/// Of each audience, one after the other.
const PREVIEWS: usize = 5;

pub async fn million() -> Result<Value> {
    let mut world = World::start(json!({})).await?;
    let path = world.state.path().join("messy.csv");
    let expected = messy::write(&path, ROWS)?;
    let bytes = std::fs::metadata(&path)?.len();
    let agent = world.seeded.agent.clone();
    let list_id = list_named(&agent, "Everybody").await?;
    let segment =
        CreateSegmentRequest { name: "Some of Abu Dhabi".to_owned(), filter: Some(some_of_abu_dhabi()), ..CreateSegmentRequest::default() };
    let segment = agent.segments().create_segment(segment).await?.into_inner().segment.unwrap_or_default().id;
    let (mut seconds, mut of_previews) = (Vec::new(), Vec::new());
    let mut counts_are_exact = true;
    // A dry run, the import, and the same file once more, in which everybody is known.
    for (dry_run, is_new) in [(true, true), (false, true), (false, false)] {
        let started = Instant::now();
        let last = import(&agent, &path, ImportOptions { list_id: list_id.clone(), dry_run, ..ImportOptions::default() }).await?.last;
        seconds.push(started.elapsed().as_secs_f64());
        let (created, updated) = if is_new { (expected.created, expected.updated) } else { (0, expected.created + expected.updated) };
        let counted = (last.rows, last.created, last.updated, last.rejected, last.with_problems, last.problem_count);
        let wanted = (expected.rows, created, updated, expected.rejected, expected.with_problems, expected.problems);
        counts_are_exact &= counted == wanted;
        ensure!(last.rows == ROWS, "{} rows were read", last.rows);
        if !dry_run && is_new {
            of_previews.push(previews(&agent, &list_id, &segment).await?);
            tokio::time::sleep(TIDYING).await;
            of_previews.push(previews(&agent, &list_id, &segment).await?);
        }
    }
    let memory = messy::peak_memory_mib(&mut world, "campaign-api")?;
    world.hub.stop().await?;
    Ok(json!({
        "rows": ROWS, "megabytes": bytes / 1_000_000, "rejected": expected.rejected, "counts_are_exact": counts_are_exact,
        "seconds": {"dry_run": seconds[0], "import": seconds[1], "import_again": seconds[2]},
        "peak_memory_mib_of_campaign_api": memory, "seconds_of_previews": {"at_once": of_previews[0], "tidied_up": of_previews[1]},
    }))
}

/// Everybody, and everybody but a part of them, over all channels.
async fn previews(agent: &Session, list_id: &str, segment_id: &str) -> Result<Value> {
    let everybody = Audience { list_ids: vec![list_id.to_owned()], ..Audience::default() };
    let but_some = Audience { exclude_segment_ids: vec![segment_id.to_owned()], ..everybody.clone() };
    let (all, of_all) = preview(agent, everybody).await?;
    let (fewer, of_fewer) = preview(agent, but_some).await?;
    ensure!(fewer < all, "the segment leaves nobody out");
    Ok(json!({"list": of_all, "list_without_a_segment": of_fewer}))
}

/// Contacts, and what each time took.
async fn preview(agent: &Session, audience: Audience) -> Result<(u64, Vec<f64>)> {
    let request = PreviewAudienceRequest { audience: Some(audience), ..PreviewAudienceRequest::default() };
    let (mut seconds, mut contacts) = (Vec::new(), 0);
    for _ in 0..PREVIEWS {
        let started = Instant::now();
        contacts = agent.campaigns().preview_audience(request.clone()).await?.into_inner().contacts;
        seconds.push(started.elapsed().as_secs_f64());
    }
    Ok((contacts, seconds))
}

fn some_of_abu_dhabi() -> Filter {
    let city = ProfileTest { field: ProfileField::City.into(), is: Some(text(Text::Equals("Abu Dhabi".to_owned()))) };
    let tier = AttributeTest { name: "Tier".to_owned(), is: Some(Is::Text(text(Text::Equals("silver".to_owned())))) };
    let filters = [Part::Profile(city), Part::Attribute(tier)].map(|part| Filter { test: Some(part) }).to_vec();
    Filter { test: Some(Part::All(Filters { filters })) }
}

fn text(test: Text) -> TextTest {
    TextTest { test: Some(test) }
}
