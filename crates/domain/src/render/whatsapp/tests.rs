//! Meta templates beyond the simple form: what is rendered, and what is said to be wrong.

use crate::content::{MediaKind, MetaTemplate, Rendered, TemplateContent, Variant, WhatsappVariant};
use crate::render::{Occasion, Person, Renderer, Severity, validate};
use serde_json::json;

fn of(variant: WhatsappVariant, meta: MetaTemplate) -> TemplateContent {
    let meta = MetaTemplate { name: "offer".into(), language: "en".into(), ..meta };
    TemplateContent { whatsapp: Some(WhatsappVariant { meta: Some(meta), ..variant }), ..TemplateContent::default() }
}

fn wrong(content: &TemplateContent) -> Vec<String> {
    validate(content).into_iter().filter(|problem| problem.severity == Severity::Error).map(|problem| problem.field).collect()
}

#[test]
fn names_headers_and_documents_are_rendered() {
    let meta = MetaTemplate {
        named: [("first_name".into(), "{{ first_name }}".into())].into(),
        category: "MARKETING".into(),
        ..MetaTemplate::default()
    };
    let document = WhatsappVariant {
        media_url: "https://cdn.example.com/offer".into(),
        media_kind: Some(MediaKind::Document),
        media_name: "offer.pdf".into(),
        ..WhatsappVariant::default()
    };
    let content = of(document, meta);
    assert_eq!(wrong(&content), [""; 0]);
    let renderer = Renderer::new(&content).unwrap();
    let Rendered::Whatsapp(rendered) = renderer.render(Variant::Whatsapp, &Person::made_up(), &Occasion::default()).unwrap() else {
        panic!()
    };
    let meta = rendered.meta.unwrap();
    assert_eq!(meta.category, "MARKETING");
    assert_eq!(
        meta.components.unwrap(),
        json!([
            {"type": "header", "parameters": [
                {"type": "document", "document": {"link": "https://cdn.example.com/offer", "filename": "offer.pdf"}}]},
            {"type": "body", "parameters": [{"type": "text", "parameter_name": "first_name", "text": "Sara"}]},
        ])
    );
}

#[test]
fn what_meta_would_refuse_is_said_before() {
    let text = |text: &str| text.to_owned();
    let none = WhatsappVariant::default;
    let picture = || WhatsappVariant { media_url: text("https://x.example/a.jpg"), ..none() };
    let named = |name: &str, value: &str| MetaTemplate { named: [(text(name), text(value))].into(), ..MetaTemplate::default() };
    let header = || MetaTemplate { header_text: text("Spring"), ..MetaTemplate::default() };
    for (content, field) in [
        (of(picture(), header()), "whatsapp.meta.header_text"),
        (of(none(), MetaTemplate { body: vec![text("x")], ..named("a", "x") }), "whatsapp.meta.named"),
        (of(none(), named("First Name", "x")), "whatsapp.meta.named.First Name"),
        (of(none(), named("a", " ")), "whatsapp.meta.named.a"),
        (of(none(), MetaTemplate { category: text("marketing"), ..MetaTemplate::default() }), "whatsapp.meta.category"),
        (of(none(), MetaTemplate { offer_ends_ms: -1, ..MetaTemplate::default() }), "whatsapp.meta.offer_ends_at"),
        (of(none(), MetaTemplate { components: Some(json!([])), ..header() }), "whatsapp.meta.components"),
        (of(WhatsappVariant { media_name: text("../a.pdf"), ..picture() }, MetaTemplate::default()), "whatsapp.media_name"),
    ] {
        assert!(wrong(&content).iter().any(|found| found == field), "{field}: {:?}", wrong(&content));
    }
    assert_eq!(wrong(&of(none(), header())), [""; 0]);
}
