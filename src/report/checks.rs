//! Results of conditions in Terraform's formats: of plans, and of states.

use super::json::Json;
use crate::lang::address::{Key, Mode};
use crate::plan::checks::{CheckKind, Checked, CheckedInstance};

/// The member `checks` of a plan.
pub fn of_plan(checks: &[Checked], j: &mut Json) {
    j.array(checks, |j, one| {
        j.object(|j| {
            j.key("address").object(|j| {
                j.key("kind").text(match one.kind {
                    CheckKind::Output => "output_value",
                    kind => word(kind),
                });
                if one.kind == CheckKind::Resource {
                    j.key("mode").text(mode(one.address.mode));
                }
                let module = one.address.module_text();
                if !module.is_empty() {
                    j.key("module").text(&module);
                }
                j.key("name").text(&one.address.name);
                j.key("to_display").text(&one.address.to_string());
                if one.kind == CheckKind::Resource {
                    j.key("type").text(&one.address.ty);
                }
            });
            j.key("status").text(one.status.word());
            if !one.instances.is_empty() {
                j.key("instances").array(&one.instances, instance);
            }
        });
    });
}

fn instance(j: &mut Json, one: &CheckedInstance) {
    j.object(|j| {
        j.key("address").object(|j| {
            match &one.address.key {
                None => {}
                Some(Key::Int(n)) => j.key("instance_key").plain(n),
                Some(Key::Str(s)) => j.key("instance_key").text(s),
            }
            let module = one.address.module_text();
            if !module.is_empty() {
                j.key("module").text(&module);
            }
            j.key("to_display").text(&one.address.to_string());
        });
        j.key("status").text(one.status.word());
        if !one.messages.is_empty() {
            j.key("problems").array(&one.messages, |j, message| j.object(|j| j.key("message").text(message)));
        }
    });
}

/// The member `check_results` of a state; `None` where there are no conditions.
pub fn of_state(checks: &[Checked]) -> Option<String> {
    if checks.is_empty() {
        return None;
    }
    let mut json = Json::new();
    json.array(checks, |j, one| {
        j.object(|j| {
            j.key("object_kind").text(word(one.kind));
            j.key("config_addr").text(&one.address.to_string());
            j.key("status").text(one.status.word());
            if one.instances.is_empty() {
                j.key("objects").raw("null");
                return;
            }
            j.key("objects").array(&one.instances, |j, one| {
                j.object(|j| {
                    j.key("object_addr").text(&one.address.to_string());
                    j.key("status").text(one.status.word());
                    if !one.messages.is_empty() {
                        j.key("failure_messages").texts(one.messages.iter().map(String::as_str));
                    }
                });
            });
        });
    });
    Some(json.finish())
}

fn word(kind: CheckKind) -> &'static str {
    match kind {
        CheckKind::Check => "check",
        CheckKind::Output => "output",
        CheckKind::Resource => "resource",
        CheckKind::Variable => "var",
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Managed => "managed",
        Mode::Data => "data",
        Mode::Ephemeral => "ephemeral",
    }
}
