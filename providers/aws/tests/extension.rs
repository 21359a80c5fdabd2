//! What is served beside Terraform's protocol: how places fare, whose objects are, and that looking changes nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod world;

use std::collections::BTreeMap;
use straddle_provider_aws::attr::{nothing, text};
use straddle_provider_aws::{AwsProvider, api, config};
use straddle_sdk::provider::{Context, Discovery, Health, LocationReport, Provider};
use straddle_sdk::value::{Str, Value};
use world::proxy::Fault;
use world::{REGION, World};

async fn provider(world: &World) -> AwsProvider {
    let url = text(format!("http://127.0.0.1:{}", world.proxy.port()));
    let schema = config::schema();
    let of = schema.body().blocks["endpoints"].block.implied_type();
    let names = ["ec2", "elbv2", "autoscaling", "route53", "sts", "servicequotas", "arczonalshift"];
    let endpoints = names.iter().fold(nothing(&of), |object, name| object.with_attribute(name, url.clone()));
    let config = schema.body().value_with(vec![
        ("region".into(), text(REGION)),
        ("access_key".into(), text("AKIATESTTESTTESTTEST")),
        ("secret_key".into(), text("a-secret-that-is-nowhere-to-be-seen")),
        ("max_retries".into(), straddle_provider_aws::attr::number(1)),
        ("endpoints".into(), Value::set(of, vec![endpoints])),
    ]);
    let provider = AwsProvider::new();
    provider.configure(config, Context::default()).await.unwrap();
    provider
}

fn place(zone: &str) -> BTreeMap<Str, Str> {
    [("cloud", "aws"), ("region", REGION), ("zone", zone)].map(|(k, v)| (k.into(), v.into())).into()
}

async fn report(provider: &AwsProvider, zone: &str) -> LocationReport {
    let mut all = provider.locations(vec![place(zone)]).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn launched(world: &World, letter: &str, owner: Option<&str>) -> String {
    let tag = owner.map(|owner| {
        format!("&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=straddle:owner&TagSpecification.1.Tag.1.Value={owner}\
                 &TagSpecification.1.Tag.2.Key=straddle:token&TagSpecification.1.Tag.2.Value={owner}.7")
    });
    let query = format!(
        "RunInstances&ImageId=ami-760aaa0f&InstanceType=t3.micro&MinCount=1&MaxCount=1&Placement.AvailabilityZone={REGION}{letter}{}",
        tag.unwrap_or_default()
    );
    let xml = world.api("ec2", &query);
    xml.split("<instanceId>").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

fn changes_nothing(world: &World) {
    let changing: Vec<&str> = api::ALL.iter().filter(|api| api.changes).map(|api| api.name).collect();
    let made: Vec<String> = world.proxy.calls().into_keys().filter(|name| changing.contains(&name.as_str())).collect();
    assert!(made.is_empty(), "looking made {made:?}");
}

const QUOTA: &str = r#"{"Quota":{"ServiceCode":"ec2","QuotaCode":"L-1216C47A","Value":65.0}}"#;
const SHIFT: &str = r#"{"items":[{"awayFrom":"apne2-az3","comment":"drill","expiryTime":4000000000,"resourceIdentifier":"arn:aws:x","startTime":1700000000,"status":"ACTIVE","zonalShiftId":"z-1"}]}"#;
const RESERVED: &str = "<DescribeCapacityReservationsResponse><capacityReservationSet><item><capacityReservationId>cr-1</capacityReservationId>\
                        <availabilityZone>ap-northeast-2a</availabilityZone><availableInstanceCount>4</availableInstanceCount><state>active</state></item>\
                        </capacityReservationSet></DescribeCapacityReservationsResponse>";

#[tokio::test]
async fn a_zone_is_reported_with_what_the_apis_say_of_it() {
    let Some(world) = World::empty() else { return };
    for _ in 0..2 {
        launched(&world, "a", Some("l"));
    }
    launched(&world, "a", None);
    world.proxy.always("GetServiceQuota", "", Fault::Say("application/x-amz-json-1.1", QUOTA));
    world.proxy.always("ListZonalShifts", "", Fault::Say("application/json", SHIFT));
    world.proxy.always("DescribeCapacityReservations", "", Fault::Say("text/xml", RESERVED));
    let provider = provider(&world).await;
    let well = report(&provider, "apne2-az1").await;
    assert_eq!((well.health, well.used), (Health::Healthy, Some(2)), "{well:?}");
    assert_eq!(well.quota, Some(32), "65 processors are 32 servers with two each: {well:?}");
    assert!(well.message.contains("4 reserved instances are free"), "{well:?}");
    let shifted = report(&provider, "apne2-az3").await;
    assert_eq!(shifted.health, Health::Degraded, "{shifted:?}");
    assert!(shifted.message.contains("an operator moved traffic away from here: drill"), "{shifted:?}");
    // By the name of this account it is the same zone.
    assert_eq!(report(&provider, "ap-northeast-2a").await.used, Some(2));
    let nowhere = report(&provider, "apne2-az9").await;
    assert_eq!(nowhere.health, Health::Unknown, "{nowhere:?}");
    assert!(nowhere.message.contains("it has apne2-az1"), "{nowhere:?}");
    let all = provider.locations(Vec::new()).await.unwrap();
    assert_eq!(all.len(), 4, "{all:?}");
    changes_nothing(&world);
}

#[tokio::test]
async fn a_zone_that_aws_calls_impaired_is_not_well_and_one_nobody_tells_of_is_unknown() {
    let Some(world) = World::empty() else { return };
    let zones = "<DescribeAvailabilityZonesResponse><availabilityZoneInfo>\
        <item><zoneName>ap-northeast-2a</zoneName><zoneId>apne2-az1</zoneId><zoneState>impaired</zoneState>\
          <messageSet><item><message>power</message></item></messageSet></item>\
        <item><zoneName>ap-northeast-2b</zoneName><zoneId>apne2-az2</zoneId><zoneState>unavailable</zoneState></item>\
        <item><zoneName>ap-northeast-2c</zoneName><zoneId>apne2-az3</zoneId><zoneState>available</zoneState></item>\
        </availabilityZoneInfo></DescribeAvailabilityZonesResponse>";
    let provider = provider(&world).await;
    world.proxy.next("DescribeAvailabilityZones", "", vec![Fault::Say("text/xml", zones); 3]);
    let health = |report: LocationReport| (report.health, report.message);
    let (bad, why) = health(report(&provider, "apne2-az1").await);
    assert!(bad == Health::Degraded && why.contains("power"), "{bad:?} {why}");
    assert_eq!(health(report(&provider, "apne2-az2").await).0, Health::Down);
    assert_eq!(health(report(&provider, "apne2-az3").await).0, Health::Healthy);
    world.proxy.always("DescribeAvailabilityZones", "", Fault::Cut);
    let (unknown, why) = health(report(&provider, "apne2-az1").await);
    assert!(unknown == Health::Unknown && why.contains("does not tell of its zones"), "{unknown:?} {why}");
    changes_nothing(&world);
}

#[tokio::test]
async fn what_carries_the_tags_is_found_by_owner_and_by_attempt() {
    let Some(world) = World::empty() else { return };
    let (mine, theirs) = (launched(&world, "a", Some("l")), launched(&world, "a", Some("m")));
    launched(&world, "a", None);
    let vpc = world.api(
        "ec2",
        "CreateVpc&CidrBlock=10.50.0.0/16&TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=straddle:owner&TagSpecification.1.Tag.1.Value=l\
         &TagSpecification.1.Tag.2.Key=straddle:token&TagSpecification.1.Tag.2.Value=l.9",
    );
    let vpc = vpc.split("<vpcId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let provider = provider(&world).await;
    let ids = |found: Vec<straddle_sdk::provider::Discovered>| {
        let mut ids: Vec<String> = found.into_iter().map(|f| f.id).collect();
        ids.sort();
        ids
    };
    let by = |owner: Option<&str>, tokens: &[&str], types: &[&str]| Discovery {
        owner: owner.map(str::to_owned),
        tokens: tokens.iter().map(|t| (*t).to_owned()).collect(),
        types: types.iter().map(|t| Str::from(*t)).collect(),
    };
    assert_eq!(ids(provider.discover(by(Some("l"), &[], &[])).await.unwrap()), [mine.clone(), vpc.clone()]);
    assert_eq!(ids(provider.discover(by(None, &["m.7"], &[])).await.unwrap()), [theirs]);
    assert_eq!(ids(provider.discover(by(Some("l"), &[], &["aws_vpc"])).await.unwrap()), [vpc]);
    // What cannot be asked is not "not there".
    world.proxy.always("DescribeTags", "", Fault::Denied);
    assert!(provider.discover(by(None, &["l.9"], &[])).await.is_err());
    changes_nothing(&world);
}

/// Servers of another provider, in places that AWS tells of.
const OBSERVED: &str = r#"
terraform {
  required_providers {
    aws = { source = "straddle/aws" }
  }
}

provider "aws" {
  region      = "ap-northeast-2"
  max_retries = 0
}

provider "sim" {
  cloud = "aws"
}

location "seoul-az1" {
  provider = sim
  observer = aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az1" }
}

location "seoul-az3" {
  provider = sim
  observer = aws
  domains  = { cloud = "aws", region = "ap-northeast-2", zone = "apne2-az3" }
}

workload "web" {
  replicas = 4

  spread "zone" {
    over = ["apne2-az1", "apne2-az3"]
  }

  replica "server" {
    resource "sim_instance" "server" {
      zone = location.domains.zone
    }

    ready = sim_instance.server.state == "running"
  }
}
"#;

#[test]
fn an_observer_tells_of_places_and_changes_nothing() {
    let Some(world) = World::with(OBSERVED) else { return };
    world.run("apply -auto-approve").ends(0);
    world.proxy.always("ListZonalShifts", "", Fault::Say("application/json", SHIFT));
    world.run("plan").ends(0).says("Locations seoul-az1 UP, seoul-az3 DEGRADED");
    world.proxy.always("DescribeAvailabilityZones", "", Fault::Broken(503));
    world.run("plan").says("seoul-az1 UNKNOWN, seoul-az3 UNKNOWN");
    assert!(world.instances().is_empty());
    changes_nothing(&world);
}

#[test]
fn what_is_in_no_state_is_reported() {
    let Some(world) = World::of("aws-rollout") else { return };
    world.run("apply -auto-approve").ends(0);
    let owner = world.running()[0].tags["straddle:owner"].clone();
    let stray = launched(&world, "a", Some(&owner));
    world.run("drift").says("1 unmanaged").says(&stray);
}
