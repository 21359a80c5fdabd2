//! The examples on AWS, each run as it is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod world;

use world::World;

#[test]
fn groups_stand_five_and_five_and_a_number_the_scaler_raised_is_left_alone() {
    let Some(world) = World::of("aws-groups") else { return };
    world.run("plan").ends(0).says("apne2-az1 0 ----- 5 #####");
    world.run("apply -auto-approve").ends(0).says("web 1/1 complete, 10 serving");
    world.run("plan -detailed-exitcode").ends(0);
    let size = |world: &World, name: &str, field: &str| -> usize {
        let xml = world.api("autoscaling", "DescribeAutoScalingGroups");
        let part = xml
            .split("<member>")
            .find(|p| p.contains(&format!("<AutoScalingGroupName>{name}<")))
            .unwrap_or(&xml)
            .to_owned();
        let (_, rest) = part.split_once(&format!("<{field}>")).unwrap_or_else(|| panic!("no {field} in {part}"));
        rest.split('<').next().unwrap().parse().unwrap()
    };
    assert_eq!(size(&world, "web-seoul-az1", "DesiredCapacity"), 5);
    assert!(size(&world, "web-seoul-az1", "MaxSize") >= 10, "room for what the other zone holds");
    // AWS's scaler asks for more.
    for group in ["web-seoul-az1", "web-seoul-az3"] {
        world.api("autoscaling", &format!("SetDesiredCapacity&AutoScalingGroupName={group}&DesiredCapacity=7"));
    }
    world.run("apply -auto-approve").ends(0);
    for group in ["web-seoul-az1", "web-seoul-az3"] {
        assert_eq!(size(&world, group, "DesiredCapacity"), 7, "a live number is never lowered");
    }
    world.run("destroy -auto-approve").ends(0);
    assert!(!world.api("autoscaling", "DescribeAutoScalingGroups").contains("web-seoul"));
}

#[test]
fn a_new_version_of_the_template_rolls_out_and_never_fewer_than_six_run() {
    let Some(world) = World::of("aws-rollout") else { return };
    world.run("apply -auto-approve").ends(0);
    world.stands(3, 3);
    world.run("plan -detailed-exitcode").ends(0);
    let old: Vec<String> = world.running().into_iter().map(|i| i.id).collect();
    world.proxy.watch("TerminateInstances");
    world.run("apply -auto-approve -var=message=bye").ends(0);
    world.stands(3, 3);
    assert!(world.running().iter().all(|i| !old.contains(&i.id)), "all are new");
    for seen in world.proxy.seen("TerminateInstances") {
        let (ran, ends) = (seen.running.unwrap(), seen.body.matches("InstanceId.").count());
        assert!(ran - ends >= 6, "{ran} ran when {ends} were ended");
    }
    world.run("plan -detailed-exitcode -var=message=bye").ends(0);
}

#[test]
fn weights_of_names_follow_the_shares_of_two_regions() {
    let Some(world) = World::of("aws-two-regions") else { return };
    let zone = world.hosted_zone("example.kr");
    let run = |line: &str| world.run(&format!("{line} -var=zone_id={zone}"));
    let weights = || {
        let xml = world.dns("GET", &format!("/2013-04-01/hostedzone/{zone}/rrset"), "");
        let of = |set: &str| {
            let part = xml.split("<ResourceRecordSet>").find(|p| p.contains(&format!("<SetIdentifier>{set}<")));
            let part = part.unwrap_or_else(|| panic!("no record {set} in {xml}"));
            part.split("<Weight>").nth(1).unwrap().split('<').next().unwrap().parse::<u32>().unwrap()
        };
        (of("ap-northeast-2"), of("ap-northeast-1"))
    };
    let stand = || (world.running_in("ap-northeast-2"), world.running_in("ap-northeast-1"));
    run("apply -auto-approve").ends(0);
    assert_eq!((stand(), weights()), ((4, 4), (50, 50)));
    run("plan -detailed-exitcode").ends(0);
    run("failover -auto-approve -lose=region:ap-northeast-1").ends(0);
    assert_eq!((stand().0, weights()), (8, (100, 0)));
    run("failback -auto-approve").ends(0);
    assert_eq!((stand(), weights()), ((4, 4), (50, 50)));
}

#[test]
fn aws_grows_when_the_own_site_is_lost() {
    let Some(world) = World::of("hybrid-aws") else { return };
    world.run("apply -auto-approve").ends(0);
    assert_eq!(world.running().len(), 3);
    world.run("plan -detailed-exitcode").ends(0);
    world.run("sim down zone:pangyo-1").ends(0);
    world.run("failover -auto-approve").ends(0);
    assert_eq!(world.running().len(), 6);
    world.run("sim up zone:pangyo-1").ends(0);
    world.run("failback -auto-approve").ends(0);
    assert_eq!(world.running().len(), 3);
}
