//! Replies of AWS that moto never gives, replayed: pages, starts that fail after they began, refusals with their reasons.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod world;

use straddle_provider_aws::attr::{nothing, number, text};
use straddle_provider_aws::{AwsProvider, config};
use straddle_sdk::provider::{Context, Discovery, Health, Provider};
use straddle_sdk::value::Value;
use world::proxy::Fault;
use world::{REGION, World};

const HEAD: &str = r#"
terraform {
  required_providers {
    aws = { source = "straddle/aws" }
  }
}

provider "aws" {
  region      = "ap-northeast-2"
  max_retries = 0
}
"#;

const SERVER: &str = r#"
resource "aws_instance" "one" {
  ami               = "ami-760aaa0f"
  instance_type     = "t3.micro"
  availability_zone = "ap-northeast-2a"
  user_data         = "as written"
}
"#;

fn spec(rest: &str) -> Option<World> {
    World::with(&format!("{HEAD}{rest}"))
}

fn kept(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

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
        ("max_retries".into(), number(0)),
        ("endpoints".into(), Value::set(of, vec![endpoints])),
    ]);
    let provider = AwsProvider::new();
    provider.configure(config, Context::default()).await.unwrap();
    provider
}

fn instance(id: &str, state: &str, reason: &str) -> String {
    format!(
        "<item><instanceId>{id}</instanceId><imageId>ami-760aaa0f</imageId><instanceState><name>{state}</name></instanceState>{reason}\
         <amiLaunchIndex>0</amiLaunchIndex><instanceType>t3.micro</instanceType><placement><availabilityZone>{REGION}a</availabilityZone>\
         </placement><tagSet><item><key>straddle:owner</key><value>l</value></item><item><key>straddle:token</key><value>l.{id}</value></item></tagSet></item>"
    )
}

fn described(instances: &str, next: &str) -> &'static str {
    kept(format!(
        "<DescribeInstancesResponse><reservationSet><item><reservationId>r-1</reservationId><instancesSet>{instances}</instancesSet></item>\
         </reservationSet>{next}</DescribeInstancesResponse>"
    ))
}

#[tokio::test]
async fn instances_are_read_page_after_page() {
    let Some(world) = World::empty() else { return };
    let first = described(&instance("i-1", "running", ""), "<nextToken>page-2</nextToken>");
    let second = described(&instance("i-2", "running", ""), "");
    world.proxy.next("DescribeInstances", "", [first, second].map(|page| Fault::Say("text/xml", page)));
    let asked = Discovery { owner: Some("l".into()), types: vec!["aws_instance".into()], ..Discovery::default() };
    let found = provider(&world).await.discover(asked).await.unwrap();
    let ids: Vec<&str> = found.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, ["i-1", "i-2"]);
    let seen = world.proxy.seen("DescribeInstances");
    assert!(seen.len() == 2 && seen[1].body.contains("NextToken=page-2"), "{seen:?}");
}

#[test]
fn an_instance_that_ends_as_soon_as_it_is_started_is_a_shortage() {
    let Some(world) = spec(SERVER) else { return };
    let run = |state: &str| {
        kept(format!(
            "<RunInstancesResponse><reservationId>r-1</reservationId><instancesSet>{}</instancesSet></RunInstancesResponse>",
            instance("i-1", state, "")
        ))
    };
    let reason = "<stateReason><code>Server.InsufficientInstanceCapacity</code><message>Server.InsufficientInstanceCapacity: There is no \
                  Spot capacity available</message></stateReason>";
    world.proxy.next("RunInstances", "", [Fault::Say("text/xml", run("pending"))]);
    let ended = described(&instance("i-1", "terminated", reason), "");
    world.proxy.always("DescribeInstances", "instance-id", Fault::Say("text/xml", ended));
    world
        .run("apply -auto-approve")
        .ends(7)
        .says("No room there (EC2 RunInstances)")
        .says("There is no Spot capacity available");
}

#[test]
fn a_nat_gateway_that_cannot_be_set_up_says_why() {
    let Some(world) = spec(
        "resource \"aws_nat_gateway\" \"out\" {\n  subnet_id     = \"subnet-1\"\n  allocation_id = \"eipalloc-1\"\n}\n",
    ) else {
        return;
    };
    let gateway = |state: &str, why: &str| {
        format!(
            "<natGatewayId>nat-1</natGatewayId><subnetId>subnet-1</subnetId><state>{state}</state>{why}<natGatewayAddressSet/>"
        )
    };
    let made = kept(format!(
        "<CreateNatGatewayResponse><natGateway>{}</natGateway></CreateNatGatewayResponse>",
        gateway("pending", "")
    ));
    let why = "<failureCode>Gateway.NotAttached</failureCode><failureMessage>Network vpc-1 has no Internet gateway attached</failureMessage>";
    let listed = |state: &str, why: &str| {
        let one = gateway(state, why);
        let xml = format!(
            "<DescribeNatGatewaysResponse><natGatewaySet><item>{one}</item></natGatewaySet></DescribeNatGatewaysResponse>"
        );
        Fault::Say("text/xml", kept(xml))
    };
    world.proxy.next("CreateNatGateway", "", [Fault::Say("text/xml", made)]);
    world.proxy.next("DescribeNatGateways", "", [listed("pending", ""), listed("failed", why), listed("failed", why)]);
    world.run("apply -auto-approve").ends(7).says("has no Internet gateway attached").says("Code Gateway.NotAttached");
}

#[test]
fn a_refusal_is_explained_where_the_caller_may_have_it_decoded() {
    let Some(world) = spec(SERVER) else { return };
    let words = "You are not authorized to perform this operation. User: arn:aws:iam::1:user/u is not authorized to perform: ec2:RunInstances. \
                 Encoded authorization failure message: opaque-words-of-aws";
    world.proxy.always("RunInstances", "", Fault::Refuse(403, "UnauthorizedOperation", words));
    let decoded = "<DecodeAuthorizationMessageResponse><DecodeAuthorizationMessageResult><DecodedMessage>explicit deny by policy no-tuesdays\
                   </DecodedMessage></DecodeAuthorizationMessageResult></DecodeAuthorizationMessageResponse>";
    world.proxy.next("DecodeAuthorizationMessage", "", [Fault::Say("text/xml", decoded)]);
    let ran = world
        .run("apply -auto-approve")
        .ends(7)
        .says("Not allowed: ec2:RunInstances")
        .says("Request id reqOfTheProxy")
        .says("AWS explains: explicit deny by policy no-tuesdays")
        .says("main.straddle.hcl:13");
    assert!(!ran.text.contains("opaque-words-of-aws"), "what nobody can read is left out: {}", ran.text);
    // Where that is not allowed either, the rest is still told.
    world.run("apply -auto-approve").ends(7).says("Not allowed: ec2:RunInstances").says("ec2:RunInstances");
}

const QUESTION: &str = "DescribeInstanceAttribute";

#[test]
fn user_data_changed_by_hand_is_found_and_costs_a_call_only_after_a_stop() {
    let Some(world) = spec(SERVER) else { return };
    world.run("apply -auto-approve").ends(0);
    world.proxy.forget();
    world.run("plan -detailed-exitcode").ends(0);
    assert!(!world.proxy.calls().contains_key(QUESTION), "what runs since its first start has its first data");
    let id = world.running()[0].id.clone();
    world.api("ec2", &format!("StopInstances&InstanceId.1={id}"));
    // base64 of "by hand"
    let xml = format!(
        "<DescribeInstanceAttributeResponse><instanceId>{id}</instanceId><userData><value>YnkgaGFuZA==</value></userData>\
         </DescribeInstanceAttributeResponse>"
    );
    world.proxy.always(QUESTION, "", Fault::Say("text/xml", kept(xml)));
    world.run("plan").ends(0).says("user_data").says("by hand").says("as written");
    assert_eq!(world.proxy.calls().get(QUESTION), Some(&1));
}

#[test]
fn a_root_disk_that_is_written_later_grows_in_place() {
    let Some(world) = spec(SERVER) else { return };
    let disks = "<rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs>\
                 <volumeId>vol-1</volumeId><status>attached</status><deleteOnTermination>true</deleteOnTermination></ebs></item>\
                 </blockDeviceMapping>";
    let one = instance("i-1", "running", disks);
    let run = kept(format!(
        "<RunInstancesResponse><reservationId>r-1</reservationId><instancesSet>{one}</instancesSet></RunInstancesResponse>"
    ));
    let volume = |size: u8| {
        kept(format!(
            "<DescribeVolumesResponse><volumeSet><item><volumeId>vol-1</volumeId><size>{size}</size><volumeType>gp3</volumeType>\
             <encrypted>false</encrypted><iops>3000</iops></item></volumeSet></DescribeVolumesResponse>"
        ))
    };
    let said = |kind, xml| (kind, Fault::Say("text/xml", xml));
    let replay = |all: &[(&'static str, Fault)]| {
        world.proxy.heal();
        for (action, fault) in all {
            world.proxy.always(action, "", fault.clone());
        }
    };
    let listed = said("DescribeInstances", described(&one, ""));
    replay(&[said("RunInstances", run), listed.clone()]);
    world.run("apply -auto-approve").ends(0);
    world.edit("main.straddle.hcl", "user_data ", "root_block_device {\n    volume_size = 20\n  }\n  user_data ");
    let done = "<ModifyVolumeResponse><volumeModification><volumeId>vol-1</volumeId></volumeModification></ModifyVolumeResponse>";
    replay(&[listed.clone(), said("DescribeVolumes", volume(8)), said("ModifyVolume", done)]);
    world.run("apply -auto-approve").ends(0).says("0 added, 1 changed, 0 removed");
    let asked = world.proxy.seen("ModifyVolume");
    assert!(asked.len() == 1 && asked[0].body.contains("&Size=20") && !asked[0].body.contains("Iops"), "{asked:?}");
    replay(&[listed, said("DescribeVolumes", volume(20))]);
    world.run("plan -detailed-exitcode").ends(0);
}

#[tokio::test]
async fn a_zone_whose_targets_fail_where_those_of_others_do_not_is_degraded() {
    let Some(world) = World::empty() else { return };
    let arn = "arn:aws:elasticloadbalancing:ap-northeast-2:1:targetgroup/web/1";
    let groups = format!(
        "<DescribeTargetGroupsResponse><DescribeTargetGroupsResult><TargetGroups><member><TargetGroupArn>{arn}</TargetGroupArn></member>\
         </TargetGroups></DescribeTargetGroupsResult></DescribeTargetGroupsResponse>"
    );
    let tags = format!(
        "<DescribeTagsResponse><DescribeTagsResult><TagDescriptions><member><ResourceArn>{arn}</ResourceArn><Tags><member>\
         <Key>straddle:owner</Key><Value>l</Value></member></Tags></member></TagDescriptions></DescribeTagsResult></DescribeTagsResponse>"
    );
    let health = |a: &str, c: &str| {
        let one = |ip: &str, letter: &str, state: &str| {
            format!(
                "<member><Target><Id>{ip}</Id><AvailabilityZone>{REGION}{letter}</AvailabilityZone></Target><TargetHealth><State>{state}</State>\
                 </TargetHealth></member>"
            )
        };
        kept(format!(
            "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>{}{}{}</TargetHealthDescriptions>\
             </DescribeTargetHealthResult></DescribeTargetHealthResponse>",
            one("10.0.0.1", "a", a),
            one("10.0.0.2", "a", a),
            one("10.0.1.1", "c", c)
        ))
    };
    world.proxy.always("DescribeTargetGroups", "", Fault::Say("text/xml", kept(groups)));
    world.proxy.always("DescribeTags", "ResourceArns", Fault::Say("text/xml", kept(tags)));
    let provider = provider(&world).await;
    let seen = async |a: &str, c: &str| {
        world.proxy.next("DescribeTargetHealth", "", [Fault::Say("text/xml", health(a, c))]);
        let domains = [("cloud", "aws"), ("region", REGION), ("zone", "apne2-az1")];
        let mut all = provider.locations(vec![domains.map(|(k, v)| (k.into(), v.into())).into()]).await.unwrap();
        all.remove(0)
    };
    let ill = seen("unhealthy", "healthy").await;
    assert_eq!(ill.health, Health::Degraded, "{ill:?}");
    assert!(ill.message.contains("2 of 2 targets do not pass"), "{ill:?}");
    let everywhere = seen("unhealthy", "unhealthy").await;
    assert_eq!(everywhere.health, Health::Healthy, "a bad release is not the zone's fault: {everywhere:?}");
    let well = seen("healthy", "healthy").await;
    assert!(well.health == Health::Healthy && !well.message.contains("targets"), "{well:?}");
}

#[test]
fn no_credential_is_told_however_loud_the_log() {
    let Some(world) = spec(SERVER) else { return };
    for line in ["plan", "apply -auto-approve", "destroy -auto-approve"] {
        let mut command = world.command(line);
        command.env("TF_LOG", "TRACE").env("RUST_LOG", "trace").env("AWS_SESSION_TOKEN", "a-secret-that-is-a-session");
        world::ran(&command.output().unwrap()).ends(0);
    }
}

#[tokio::test]
async fn instances_that_fail_the_checks_of_aws_itself_are_told_page_after_page() {
    let Some(world) = World::empty() else { return };
    let tag = "TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=straddle:owner&TagSpecification.1.Tag.1.Value=l";
    let query = format!(
        "RunInstances&ImageId=ami-760aaa0f&InstanceType=t3.micro&MinCount=3&MaxCount=3&Placement.AvailabilityZone={REGION}a&{tag}"
    );
    world.api("ec2", &query);
    let ids: Vec<String> = world.running().into_iter().map(|i| i.id).collect();
    let page = |id: &str, next: &str| {
        kept(format!(
            "<DescribeInstanceStatusResponse><instanceStatusSet><item><instanceId>{id}</instanceId><availabilityZone>{REGION}a</availabilityZone>\
             <systemStatus><status>impaired</status></systemStatus></item></instanceStatusSet>{next}</DescribeInstanceStatusResponse>"
        ))
    };
    let (first, second) = (page(&ids[0], "<nextToken>more</nextToken>"), page(&ids[1], ""));
    world.proxy.next("DescribeInstanceStatus", "system-status", [first, second].map(|p| Fault::Say("text/xml", p)));
    let domains = [("cloud", "aws"), ("region", REGION), ("zone", "apne2-az1")];
    let all = provider(&world).await.locations(vec![domains.map(|(k, v)| (k.into(), v.into())).into()]).await.unwrap();
    assert!(all[0].message.contains("2 of 3 instances fail AWS's own status checks"), "{:?}", all[0]);
    assert_eq!(all[0].health, Health::Degraded);
}
