//! What is wrong with a post: each network has limits of its own.

use super::link;
use crate::{
    content::{Network, SocialVariant, TemplateContent, Variant, is_video},
    render::{ContentProblem, Field, MAX_SOCIAL_CHARACTERS, Occasion, Person, RenderError, Renderer},
};
use std::collections::BTreeSet;

/// What a network takes. Outside facts: the networks' own documentation; Facebook's and Instagram's are stated by many and guaranteed by none.
struct Limits {
    characters: usize,
    /// Pictures or videos at most.
    media: usize,
    needs_media: bool,
    hashtags: usize,
    mentions: usize,
}

const fn limits(network: Network) -> Limits {
    let any = Limits { characters: MAX_SOCIAL_CHARACTERS, media: 10, needs_media: false, hashtags: usize::MAX, mentions: usize::MAX };
    match network {
        Network::Facebook => any,
        Network::Instagram => Limits { characters: 2_200, needs_media: true, hashtags: 30, mentions: 20, ..any },
        Network::X => Limits { characters: 280, media: 4, ..any },
        Network::Linkedin => Limits { characters: 3_000, media: 20, ..any },
    }
}

const MAX_MEDIA: usize = 20;
/// What X counts for a link, however long it is (X, "Counting characters").
const X_LINK: usize = 23;

pub fn problems(social: &SocialVariant) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    let has_media = !social.media_urls.is_empty();
    if social.media_urls.len() > MAX_MEDIA {
        problems.push(ContentProblem::error("social.media_urls", format!("are more than {MAX_MEDIA}"), "keep the best"));
    }
    for (index, url) in social.media_urls.iter().enumerate() {
        let field = Field::SocialMedia(index);
        if url.trim().is_empty() {
            problems.push(ContentProblem::error(&field, "is empty", "write its link, or remove it"));
        }
        problems.extend(link(&field, url));
    }
    let targets = social.targets();
    problems.extend(beside(social));
    if targets.iter().collect::<BTreeSet<_>>().len() < targets.len() {
        problems.push(ContentProblem::error("social.networks", "names a network twice", "name each once"));
    }
    for network in social.texts.keys().filter(|network| !targets.contains(network)) {
        let remedy = format!("add {network} to the networks, or remove its text");
        problems.push(ContentProblem::error(Field::SocialTextOn(*network), "is for a network that it isn't posted on", remedy));
    }
    for network in targets {
        let field = field(social, network);
        if social.text_on(network).trim().is_empty() && !has_media {
            problems.push(ContentProblem::error(&field, format!("a post on {network} needs a text or a picture"), "write one"));
        }
        let limits = limits(network);
        if limits.needs_media && !has_media {
            problems.push(ContentProblem::error(
                "social.media_urls",
                format!("a post on {network} needs a picture or a video"),
                "add one, or leave the network out",
            ));
        }
        if social.media_urls.len() > limits.media {
            let message = format!("{network} takes {} pictures at most", limits.media);
            problems.push(ContentProblem::error("social.media_urls", message, "leave some out, or leave the network out"));
        }
    }
    problems
}

/// What stands beside the text: what is said of pictures, videos, and a page that is shown.
fn beside(social: &SocialVariant) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    if social.alt_texts.len() > social.media_urls.len() {
        problems.push(ContentProblem::error("social.alt_texts", "are more than there are pictures", "write one for each, in their order"));
    }
    problems.extend(link(&Field::SocialLink, &social.link));
    if !social.link.is_empty() && !social.media_urls.is_empty() {
        problems.push(ContentProblem::warning(
            &Field::SocialLink,
            "isn't shown with pictures",
            "write it in the text, or remove one of them",
        ));
    }
    if social.link.is_empty() && !social.link_title.is_empty() {
        problems.push(ContentProblem::error(&Field::SocialLinkTitle, "is the title of no link", "write the link, or remove the title"));
    }
    let pictures_only: Vec<_> = social.targets().into_iter().filter(|network| *network != Network::Instagram).collect();
    for (index, url) in social.media_urls.iter().enumerate() {
        let field = Field::SocialMedia(index);
        if let Some(network) = pictures_only.first().filter(|_| is_video(url)) {
            problems.push(ContentProblem::error(
                &field,
                format!("is a video, which isn't posted to {network}"),
                "post it to instagram alone",
            ));
        } else if social.targets().contains(&Network::Instagram) && is_no_jpeg(url) {
            problems.push(ContentProblem::warning(&field, "isn't a JPEG, and instagram takes no others", "use a JPEG"));
        }
    }
    problems
}

fn is_no_jpeg(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    [".png", ".gif", ".webp", ".bmp", ".tiff"].iter().any(|ending| path.ends_with(ending))
}

/// A post is for nobody in particular: what it names of a contact has no value.
pub fn of_nobody(renderer: &Renderer, occasion: &Occasion) -> Option<ContentProblem> {
    let occasion = Occasion { campaign_name: occasion.campaign_name.clone(), ..Occasion::default() };
    match renderer.render(Variant::Social, &Person::default(), &occasion) {
        Err(RenderError::Missing { field, variable }) => {
            let message = format!("names {variable}, but a post is for no contact in particular");
            Some(ContentProblem::error(field, message, format!("leave it out, or write {{{{ {variable} | default('…') }}}}")))
        }
        _ => None,
    }
}

/// The text that a network gets.
fn field(social: &SocialVariant, network: Network) -> Field {
    if social.texts.contains_key(&network) { Field::SocialTextOn(network) } else { Field::SocialText }
}

pub fn rendered(rendered: &SocialVariant, content: &TemplateContent) -> Vec<ContentProblem> {
    let Some(written) = &content.social else { return Vec::new() };
    rendered.texts.iter().flat_map(|(network, text)| of_text(*network, text, &field(written, *network))).collect()
}

fn of_text(network: Network, text: &str, field: &Field) -> Vec<ContentProblem> {
    let limits = limits(network);
    let mut problems = Vec::new();
    let mut most = |count: usize, limit: usize, what: &str| {
        if count > limit {
            let message = format!("has {count} {what}: {network} takes {limit} at most");
            problems.push(ContentProblem::error(field, message, format!("make it shorter, or write a text of its own for {network}")));
        }
    };
    most(length(network, text), limits.characters, "characters");
    most(words_with(text, '#'), limits.hashtags, "hashtags");
    most(words_with(text, '@'), limits.mentions, "mentions");
    problems
}

fn words_with(text: &str, sign: char) -> usize {
    text.split_whitespace().filter(|word| word.starts_with(sign) && word.chars().count() > 1).count()
}

/// Characters as the network counts them.
fn length(network: Network, text: &str) -> usize {
    match network {
        Network::X => x_length(text),
        // A backslash goes before each of these (LinkedIn, "Little text format").
        Network::Linkedin => text.chars().map(|c| 1 + usize::from("|{}@[]()<>#\\*_~".contains(c))).sum(),
        Network::Facebook | Network::Instagram => text.chars().count(),
    }
}

/// X weighs characters: links are 23, Latin, Cyrillic, Arabic and the like 1, all others 2 (twitter-text configuration, version 3).
fn x_length(text: &str) -> usize {
    let links = std::cell::Cell::new(0);
    let rest = crate::render::plain::rewrite_links(text, &|_| {
        links.set(links.get() + 1);
        String::new()
    });
    let weight = |c: char| match u32::from(c) {
        0..=4_351 | 8_192..=8_205 | 8_208..=8_223 | 8_242..=8_247 => 1,
        // Parts of one emoji: a variation selector, a joiner, a skin tone.
        0xFE0F | 0x1F3FB..=0x1F3FF => 0,
        _ => 2,
    };
    links.get() * X_LINK + rest.chars().map(weight).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_weighs_characters() {
        for (text, expected) in [
            ("hello", 5),
            ("привет", 6),
            ("مرحبا", 5),
            ("日本", 4),
            ("🌴", 2),
            ("👍🏽", 2),
            ("see https://example.com/a/very/long/path?with=query now", 4 + 23 + 4),
        ] {
            assert_eq!(x_length(text), expected, "{text:?}");
        }
    }
}
