//! The disks of an instance: the one it boots from, and the others.

use super::{by_ids, volumes};
use crate::attr::{Args, Live, nothing};
use crate::problem::Problem;
use crate::session::Session;
use aws_sdk_ec2::types::{BlockDeviceMapping, EbsBlockDevice, EbsInstanceBlockDevice, Instance, Volume, VolumeType};
use std::collections::BTreeMap;
use straddle_sdk::provider::{PlanAnswer, PlanRequest, ResourceSchema, boolean, number, string};
use straddle_sdk::value::{Kind, Path, Step, Type, Value};

/// The block of the disk an instance boots from.
pub const ROOT: &str = "root_block_device";
/// The blocks of the others.
pub const EXTRA: &str = "ebs_block_device";

/// The schema of the disk an instance boots from.
pub fn root_schema() -> ResourceSchema {
    ResourceSchema::new()
        .attribute("delete_on_termination", boolean().computed().optional())
        .attribute("device_name", string().computed())
        .attribute("encrypted", boolean().computed().optional().replaces())
        .attribute("iops", number().computed().optional())
        .attribute("kms_key_id", string().computed().optional().replaces())
        .attribute("throughput", number().computed().optional())
        .attribute("volume_id", string().computed())
        .attribute("volume_size", number().computed().optional().describe("GiB; grows in place."))
        .attribute("volume_type", string().computed().optional())
}

/// The schema of another disk: all of it is settled when the instance starts.
pub fn extra_schema() -> ResourceSchema {
    ResourceSchema::new()
        .attribute("delete_on_termination", boolean().computed().optional().replaces())
        .attribute("device_name", string().required().replaces())
        .attribute("encrypted", boolean().computed().optional().replaces())
        .attribute("iops", number().computed().optional().replaces())
        .attribute("kms_key_id", string().computed().optional().replaces())
        .attribute("snapshot_id", string().computed().optional().replaces())
        .attribute("throughput", number().computed().optional().replaces())
        .attribute("volume_id", string().computed())
        .attribute("volume_size", number().computed().optional().replaces().describe("GiB."))
        .attribute("volume_type", string().computed().optional().replaces())
}

/// Disks that are not written any more are left as they are, and one that is written for the first time of an instance that boots from
/// it already is changed in place where it can be: no instance is replaced for either.
pub fn plan(request: &PlanRequest, answer: &mut PlanAnswer) {
    let first = request.prior.get(ROOT).and_then(Value::items).is_some_and(<[_]>::is_empty);
    let config = Args(&request.config);
    // Whether that disk is encrypted, and by which key, is known only when it is read.
    let asks = config.block(ROOT).is_some_and(|b| b.flag("encrypted") == Some(true) || b.get("kms_key_id").is_some());
    if first && !asks {
        answer.requires_replace.retain(|path| !is_in(path, ROOT));
    }
    for name in [ROOT, EXTRA] {
        if answer.planned.get(name).and_then(Value::items).is_some_and(<[_]>::is_empty) {
            answer.requires_replace.retain(|path| !is_in(path, name));
        }
    }
}

fn is_in(path: &Path, name: &str) -> bool {
    matches!(path.0.first(), Some(Step::Attr(first)) if **first == *name)
}

/// The disks to start with; `root` is what the image calls the one it boots from.
pub fn mappings(args: Args<'_>, root: Option<&str>) -> Option<Vec<BlockDeviceMapping>> {
    let disk = |block: Args<'_>, name: &str| {
        let ebs = EbsBlockDevice::builder()
            .set_delete_on_termination(block.flag("delete_on_termination"))
            .set_encrypted(block.flag("encrypted"))
            .set_iops(block.int32("iops"))
            .set_kms_key_id(block.text("kms_key_id"))
            .set_snapshot_id(block.text("snapshot_id"))
            .set_throughput(block.int32("throughput"))
            .set_volume_size(block.int32("volume_size"))
            .set_volume_type(block.text("volume_type").map(|t| VolumeType::from(t.as_str())))
            .build();
        BlockDeviceMapping::builder().device_name(name).ebs(ebs).build()
    };
    let first = args.block(ROOT).map(|block| disk(block, root.unwrap_or("/dev/xvda")));
    let others = args.blocks(EXTRA).into_iter().map(|block| disk(block, &block.must("device_name")));
    let all: Vec<BlockDeviceMapping> = first.into_iter().chain(others).collect();
    (!all.is_empty()).then_some(all)
}

fn is_root(instance: &Instance, device: Option<&str>) -> bool {
    device.is_some() && device == instance.root_device_name()
}

fn disks(instance: &Instance) -> impl Iterator<Item = (&str, &EbsInstanceBlockDevice)> {
    instance.block_device_mappings().iter().filter_map(|m| Some((m.device_name()?, m.ebs()?)))
}

/// The volume an instance boots from.
pub fn root_volume(instance: &Instance) -> Option<&str> {
    disks(instance).find(|(device, _)| is_root(instance, Some(device)))?.1.volume_id()
}

fn tells(state: &Value, name: &str) -> bool {
    !Args(state).blocks(name).is_empty()
}

/// The volumes that must be looked at for what the state tells.
pub fn volumes_to_see(instance: &Instance, state: &Value) -> Vec<String> {
    let wanted = |device: &str| tells(state, if is_root(instance, Some(device)) { ROOT } else { EXTRA });
    disks(instance).filter(|(device, _)| wanted(device)).filter_map(|(_, d)| d.volume_id().map(str::to_owned)).collect()
}

/// The disk an instance boots from as it is, in a block of this type.
pub async fn root_as_it_is(session: &Session, id: &str, of: &Type) -> Result<Option<Value>, Problem> {
    let found = by_ids(session, &[id.to_owned()]).await?;
    let Some(instance) = found.get(id) else { return Ok(None) };
    let Some((device, disk)) = disks(instance).find(|(device, _)| is_root(instance, Some(device))) else {
        return Ok(None);
    };
    let ids: Vec<String> = disk.volume_id().map(str::to_owned).into_iter().collect();
    let mut live = Live::over(&nothing(of));
    fill(&mut live, device, disk, &volumes(session, &ids).await?);
    Ok(Some(live.done()))
}

/// Sets the disks to what the API says, over what the state `base` says of them.
pub fn show(live: &mut Live, base: &Value, instance: &Instance, volumes: &BTreeMap<String, Volume>) {
    let root = disks(instance).find(|(device, _)| is_root(instance, Some(device)));
    let count = usize::from(root.is_some() && tells(base, ROOT));
    if count > 0 {
        live.blocks(ROOT, count, |_, block| {
            if let Some((device, disk)) = root {
                fill(block, device, disk, volumes);
            }
        });
    }
    let Some(Kind::Set(old)) = live.value().get(EXTRA).map(Value::kind) else { return };
    if !tells(base, EXTRA) {
        return;
    }
    let (of, known) = (old.of.clone(), old.items.clone());
    let others = disks(instance).filter(|(device, _)| !is_root(instance, Some(device)));
    let others = others.map(|(device, disk)| {
        let known = known.iter().find(|k| Args(k).text("device_name").as_deref() == Some(device));
        let mut block = Live::over(&known.cloned().unwrap_or_else(|| nothing(&of)));
        fill(&mut block, device, disk, volumes);
        block.done()
    });
    let others = others.collect();
    live.set(EXTRA, Some(Value::set(of.clone(), others)));
}

fn fill(block: &mut Live, device: &str, disk: &EbsInstanceBlockDevice, volumes: &BTreeMap<String, Volume>) {
    block
        .text("device_name", Some(device))
        .text("volume_id", disk.volume_id())
        .flag("delete_on_termination", Some(disk.delete_on_termination().unwrap_or(false)));
    let Some(volume) = disk.volume_id().and_then(|id| volumes.get(id)) else { return };
    block
        .int("volume_size", volume.size())
        .text("volume_type", volume.volume_type().map(|t| t.as_str()))
        .int("iops", volume.iops())
        .int("throughput", volume.throughput())
        .flag("encrypted", Some(volume.encrypted().unwrap_or(false)));
    if !same_key(Args(block.value()).text("kms_key_id").as_deref(), volume.kms_key_id()) {
        block.text("kms_key_id", volume.kms_key_id());
    }
    if block.value().get("snapshot_id").is_some() {
        block.text("snapshot_id", volume.snapshot_id());
    }
}

/// Whether a key as it is written is the one AWS tells of by its ARN. Of an alias that cannot be told, so it is believed.
fn same_key(written: Option<&str>, said: Option<&str>) -> bool {
    match (written, said) {
        (Some(written), Some(said)) => {
            written == said || written.contains("alias/") || said.ends_with(&format!("/{written}"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_written_in_three_ways() {
        let arn = "arn:aws:kms:r:1:key/abcd";
        assert!(same_key(Some(arn), Some(arn)) && same_key(Some("abcd"), Some(arn)));
        assert!(same_key(Some("alias/mine"), Some(arn)));
        assert!(!same_key(Some("bcd"), Some(arn)) && !same_key(None, Some(arn)) && !same_key(Some("abcd"), None));
    }
}
