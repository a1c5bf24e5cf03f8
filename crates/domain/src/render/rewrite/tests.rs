use super::*;
use crate::content::VariableRule;

fn content() -> TemplateContent {
    let rule = |missing, text: &str| VariableRule { missing, default_text: text.to_owned() };
    TemplateContent {
        variables: [
            ("first_name".into(), rule(None, "fr\"iend")),
            ("city".into(), rule(Some(MissingPolicy::Empty), "")),
            ("role".into(), rule(Some(MissingPolicy::Skip), "x")),
            ("attributes.plan".into(), rule(Some(MissingPolicy::Default), "basic")),
        ]
        .into(),
        ..TemplateContent::default()
    }
}

#[test]
fn policies_become_defaults() {
    for (source, expected) in [
        ("no tags", "no tags"),
        ("{{ first_name }}", "{{ (first_name | default(\"fr\\\"iend\")) }}"),
        ("{{ first_name | upper }}", "{{ (first_name | default(\"fr\\\"iend\")) | upper }}"),
        ("{{ first_name | default('x') }}{{ first_name|d }}", "{{ first_name | default('x') }}{{ first_name|d }}"),
        ("{{ city }}{{ role }}{{ email }}", "{{ (city | default(\"\")) }}{{ role }}{{ email }}"),
        ("{% if city %}{{ city }}{% endif %}", "{% if city %}{{ (city | default(\"\")) }}{% endif %}"),
        ("{% if city | upper == 'X' %}{% endif %}", "{% if (city | default(\"\")) | upper == 'X' %}{% endif %}"),
        ("{% if city is defined %}{% endif %}", "{% if city is defined %}{% endif %}"),
        ("{{ attributes.plan }}", "{{ (attributes[\"plan\"] | default(\"basic\")) }}"),
        ("{{ attributes['plan'].name }}", "{{ ((attributes[\"plan\"] | default({}))[\"name\"] | default(\"basic\")) }}"),
        ("{% for x in attributes.plan %}{{ x }}{% endfor %}", "{% for x in (attributes[\"plan\"] | default([])) %}{{ x }}{% endfor %}"),
        ("{{ attributes.other }}", "{{ attributes.other }}"),
        ("{{ 'city' }}{{ x.city }}", "{{ 'city' }}{{ x.city }}"),
        ("{{ 'a' if first_name else 'b' }}", "{{ 'a' if first_name else 'b' }}"),
        ("{% for city, first_name in attributes.x %}{% endfor %}", "{% for city, first_name in attributes.x %}{% endfor %}"),
    ] {
        assert_eq!(missing(source, &content()), expected, "{source:?}");
    }
    let all = TemplateContent { missing: MissingPolicy::Empty, ..TemplateContent::default() };
    assert_eq!(missing("{{ a.b }} {{ unsubscribe_url }}", &all), "{{ (a[\"b\"] | default(\"\")) }} {{ unsubscribe_url }}");
    assert_eq!(missing("{{ fragments.x }}", &all), "{{ fragments.x }}");
}

#[test]
fn fragments_may_be_html() {
    for (source, expected) in [
        ("{{ fragments.x | safe }}", "{{ fragments_html.x }}"),
        ("{{ fragments.x|safe }} {{ fragments.x }}", "{{ fragments_html.x }} {{ fragments.x }}"),
        ("{{ fragments.x | upper | safe }}", "{{ fragments.x | upper | safe }}"),
        ("{{ attributes.x | safe }}", "{{ attributes.x | safe }}"),
    ] {
        assert_eq!(html_fragments(source), expected, "{source:?}");
    }
}

#[test]
fn variables_without_a_default_are_found() {
    let names = |source| bare(source).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("{{ name }} {{ name }} {{ city | default('x') }} {{ attributes['a'] }}"), ["name", "attributes.a"]);
    assert_eq!(names("{% if city %}{{ city }}{% else %}{{ role }}{% endif %}{{ city }}"), ["role", "city"]);
    assert!(names("{% if city %}x{% endif %}{{ 'a' if city else 'b' }}{{ city if city }}").is_empty());
}
