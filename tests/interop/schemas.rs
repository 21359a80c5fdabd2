//! `providers schema -json`, compared with the real program.

use super::twin::Twin;

#[test]
fn schemas_are_told_as_terraform_tells_them() {
    let Some(twin) = Twin::new() else { return };
    twin.write("resource \"new_thing\" \"t\" {\n  name = \"t\"\n}\n");
    let ours = twin.schemas().remove(0);
    let source = "registry.terraform.io/interop/new";
    assert!(ours["provider_schemas"][source]["functions"]["sort"]["variadic_parameter"]["is_nullable"] == true);
}
