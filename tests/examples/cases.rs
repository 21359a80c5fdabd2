//! The cases of the mission, each told from peace to recovery with the numbers of its README.

use super::{copy, run, says, settles};

/// Days before today, as the spec writes a day.
fn days_ago(days: i64) -> String {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.checked_sub(jiff::Span::new().days(days)).unwrap().to_string()
}

#[test]
fn three_carriers_lose_two_and_serve_all() {
    let (_keep, dir, plan) = settles("three-carriers");
    says(&plan, &["Margin 0 now, 0 during, 2 after (alarm below 2)."]);
    assert!(!plan.contains("single point"), "{plan}");
    let two = run(&dir, &["simulate", "--any", "2", "--of", "carrier", "--json"], 0);
    let json: serde_json::Value = serde_json::from_str(&two).unwrap();
    let losses = json["workloads"]["pay"]["losses"].as_array().unwrap();
    assert_eq!(losses.len(), 3);
    assert!(losses.iter().all(|l| l["alive"] == 6), "{two}");
    assert_eq!(json["workloads"]["pay"]["margin"], 2);
    let three = run(&dir, &["simulate", "--any", "3", "--of", "carrier", "--json"], 0);
    let json: serde_json::Value = serde_json::from_str(&three).unwrap();
    assert_eq!(json["workloads"]["pay"]["losses"][0]["alive"], 0, "{three}");
}

#[test]
fn distance_measures_20_and_140_km() {
    let (_keep, dir, plan) = settles("distance");
    says(
        &plan,
        &[
            "PASS  distance.central_bank",
            "325 km",
            "PASS  distance.ordinary",
            "22.4 km",
            "PASS  distance.central_bank.hazard.han_river",
        ],
    );
    let near = run(&dir, &["plan", "-var", "far=[36.8151,127.1139]", "-out=near.plan"], 3);
    says(
        &near,
        &[
            "FAIL  distance.central_bank",
            "seoul and far are 84.4 km apart",
            "55.6 km too near",
            "near.plan was not written",
            "web.straddle.hcl:",
        ],
    );
    assert!(!dir.join("near.plan").exists());
    run(&dir, &["apply", "-auto-approve", "-var", "far=[36.8151,127.1139]"], 3);
    says(
        &run(&dir, &["validate", "-rules", "-var", "far=[36.8151,127.1139]"], 3),
        &["distance.central_bank does not hold"],
    );
    says(&run(&dir, &["validate", "-rules"], 0), &["Every rule can hold"]);
    run(&dir, &["drift", "-var", "far=[36.8151,127.1139]"], 3);
    run(&dir, &["simulate", "-var", "far=[36.8151,127.1139]"], 3);
    // A failover is an answer to a loss: no distance stands in its way.
    run(&dir, &["failover", "-auto-approve", "--lose", "zone:seoul", "-var", "far=[36.8151,127.1139]"], 0);
}

#[test]
fn distance_20_140km_verify_measures_again() {
    let (_keep, dir) = copy("distance");
    run(&dir, &["plan", "-out=d.plan"], 0);
    run(&dir, &["verify", "d.plan"], 0);
    let shown = run(&dir, &["show", "--json", "d.plan"], 0);
    let json: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let promises = json["straddle"]["promises"].as_array().unwrap();
    let rule = promises.iter().find(|p| p["id"] == "distance.central_bank").unwrap();
    assert_eq!(rule["verdict"], "pass");
    assert_eq!(rule["numbers"]["min_m"], 140_000);
    let metres = rule["numbers"]["nearest_m"].as_i64().unwrap();
    assert!((324_000..326_500).contains(&metres), "{metres}");
}

#[test]
fn backup_leg_rpo_and_what_falls_with_the_source() {
    let (_keep, dir) = copy("backup-legs");
    let plan = run(&dir, &["plan"], 0);
    says(
        &plan,
        &[
            "PASS  backup.orders.rpo  orders loses at most 5s of data, by leg live; 1m is promised.",
            "FAIL (a finding)  backup.orders.half-day.apart",
            "both need operator aws (cloud)",
            "FAIL (a finding)  backup.orders.week.apart",
            "both need building gasan_building",
            "FAIL (drift)  backup.orders.week.restore",
            "Owner: dba (dba@example.kr).",
            "PASS  backup.orders.reach",
            "PASS  backup.orders.half-day.base",
        ],
    );
    let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let slow = flat(run(&dir, &["plan", "-var", "lag=2m"], 3));
    says(&slow, &["its best leg, live, loses up to 2m"]);
    run(&dir, &["apply", "-auto-approve"], 0);
    run(&dir, &["drift"], 2);
    run(&dir, &["drift", "-var", &format!("tried={}", days_ago(3))], 0);
    // What the loss of the source costs in data: the building takes the weekly copy with it, the live one is left.
    let shown = run(&dir, &["plan", "-out=b.plan"], 0);
    says(&shown, &["No changes."]);
    let json: serde_json::Value = serde_json::from_str(&run(&dir, &["show", "--json", "b.plan"], 0)).unwrap();
    let losses = json["straddle"]["workloads"]["orders"]["losses"].as_array().unwrap();
    let loss = |name: &str| {
        let named = |l: &&serde_json::Value| {
            let names = l["lose"].as_array().unwrap().iter().chain(l["aliases"].as_array().unwrap());
            names.into_iter().any(|n| n == name)
        };
        losses.iter().find(named).unwrap()["data_loss_s"].clone()
    };
    assert_eq!(loss("shared_risk:gasan_building"), 5);
    assert_eq!(loss("cloud:aws"), 5);
}

#[test]
fn kakao_2022_calls_a_mirror_what_is_a_warm_site() {
    let (_keep, dir) = copy("kakao-2022");
    let plan = run(&dir, &["plan"], 0);
    let flat = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    says(
        &flat,
        &[
            "FAIL (drift) class.anyang anyang is promised mirror and built warm: 0 ready, 5 needed to carry the floor alone; \
             data 6h behind where at most 0s is promised; serves only after 12m where 5m is promised; last rehearsed",
            "single point of failure: zone pangyo",
        ],
    );
    run(&dir, &["apply", "-auto-approve"], 0);
    says(&run(&dir, &["drift"], 2), &["class.anyang"]);
    let mended = ["-var", "standby=50", "-var", "lag=0s"];
    let rehearsed = format!("rehearsed={}", days_ago(8));
    let with = |first: &[&'static str]| -> Vec<String> {
        let all = first.iter().chain(&mended).map(|s| s.to_string());
        all.chain(["-var".to_string(), rehearsed.clone()]).collect()
    };
    let args = with(&["apply", "-auto-approve"]);
    let said = run(&dir, &args.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    says(&said, &["PASS  class.anyang"]);
    let args = with(&["drift"]);
    run(&dir, &args.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    // The fire.
    run(&dir, &["sim", "down", "zone:pangyo"], 0);
    let args = with(&["failover", "-auto-approve"]);
    says(&run(&dir, &args.iter().map(String::as_str).collect::<Vec<_>>(), 0), &["talk 10/10"]);
    run(&dir, &["sim", "up", "zone:pangyo"], 0);
    let args = with(&["failback", "-auto-approve"]);
    run(&dir, &args.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    let args = with(&["plan", "-detailed-exitcode"]);
    run(&dir, &args.iter().map(String::as_str).collect::<Vec<_>>(), 0);
}
