//! The cases of the mission, each told from peace to recovery with the numbers of its README.

use super::{copy, run, says, settles};

/// Days before today, as the spec writes a day.
pub fn days_ago(days: i64) -> String {
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
    says(&run(&dir, &args.iter().map(String::as_str).collect::<Vec<_>>(), 0), &["DONE 5 added", "10  ##########"]);
    run(&dir, &["sim", "up", "zone:pangyo"], 0);
    let args = with(&["failback", "-auto-approve"]);
    run(&dir, &args.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    let args = with(&["plan", "-detailed-exitcode"]);
    run(&dir, &args.iter().map(String::as_str).collect::<Vec<_>>(), 0);
}

#[test]
fn billing_1_plus_2_alarms_at_the_first_loss_and_promotes_in_order() {
    let (_keep, dir, plan) = settles("billing-1-plus-2");
    says(
        &plan,
        &["Margin 0 now, 0 during, 2 after (alarm below 2).", "PASS  standby.billing  a works; 2 of 2 stand by"],
    );
    let target = |dir: &std::path::Path| -> String {
        let status: serde_json::Value = serde_json::from_str(&run(dir, &["state", "pull"], 0)).unwrap();
        let resources = status["resources"].as_array().unwrap();
        let record = resources.iter().find(|r| r["type"] == "sim_record").unwrap();
        let targets = record["instances"][0]["attributes"]["targets"].as_object().unwrap();
        targets.keys().cloned().collect::<Vec<_>>().join(",")
    };
    assert_eq!(target(&dir), "a");
    run(&dir, &["drift", "--fail-on=margin"], 0);
    // The first loss: nobody notices but the engineer.
    run(&dir, &["sim", "kill", "1", "--in", "zone:b"], 0);
    let drift = run(&dir, &["drift", "--fail-on=margin"], 4);
    says(&drift, &["2 of 3 serving, margin 1", "FAIL (drift)  standby.billing  a works and 1 of 2 stand by"]);
    run(&dir, &["apply", "-auto-approve"], 0);
    run(&dir, &["drift", "--fail-on=margin"], 0);
    assert_eq!(target(&dir), "a");
    // The one that works: b takes over, a is replaced and stands by, and nothing jumps back.
    run(&dir, &["sim", "kill", "1", "--in", "zone:a"], 0);
    let plan = run(&dir, &["plan"], 4);
    let flat = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    says(
        &flat,
        &[
            "a worked and does not serve: b takes over by straddle, with at most 2s of data lost",
            "1 to add (1 replica), 1 to change",
        ],
    );
    run(&dir, &["apply", "-auto-approve"], 0);
    assert_eq!(target(&dir), "b");
    run(&dir, &["plan", "-detailed-exitcode"], 0);
    says(&run(&dir, &["plan"], 0), &["b works; 2 of 2 stand by"]);
    // A whole room: the failover promotes the next in order, and the way back promotes nobody.
    run(&dir, &["sim", "down", "zone:b"], 0);
    run(&dir, &["failover", "-auto-approve"], 0);
    assert_eq!(target(&dir), "c");
    run(&dir, &["sim", "up", "zone:b"], 0);
    run(&dir, &["failback", "-auto-approve"], 0);
    assert_eq!(target(&dir), "c");
    run(&dir, &["plan", "-detailed-exitcode"], 0);
}

#[test]
fn a_standby_that_lags_is_passed_over() {
    let (_keep, dir) = copy("billing-1-plus-2");
    let file = dir.join("web.straddle.hcl");
    let text = std::fs::read_to_string(&file).unwrap().replace("b = \"0s\"", "b = \"1m\"");
    std::fs::write(&file, text).unwrap();
    run(&dir, &["apply", "-auto-approve"], 0);
    let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let drift = flat(run(&dir, &["drift"], 2));
    says(&drift, &["b lags more than 10s and is not promoted, which leaves 1 of 2"]);
    run(&dir, &["sim", "kill", "1", "--in", "zone:a"], 0);
    says(&flat(run(&dir, &["plan"], 4)), &["c takes over by straddle"]);
}

#[test]
fn hybrid_idc_overflows_into_the_cloud_and_empties_it_first() {
    let (_keep, dir, plan) = settles("hybrid-idc");
    says(&plan, &["in usual"]);
    let counts = |dir: &std::path::Path| -> [i64; 3] {
        let drift: serde_json::Value = serde_json::from_str(&run(dir, &["drift", "--json"], 0)).unwrap();
        ["own", "aws-a", "aws-c"].map(|l| drift["workloads"]["web"]["counts"][l].as_i64().unwrap())
    };
    assert_eq!(counts(&dir), [5, 5, 0]);
    let said = run(&dir, &["simulate", "--lose", "cloud:idc", "--json"], 0);
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    let loss = &json["workloads"]["web"]["losses"][0];
    assert_eq!(
        (&loss["alive"], &loss["recovers_to"], &loss["within_s"]),
        (&5.into(), &10.into(), &750.into()),
        "{said}"
    );
    assert_eq!(loss["verdict"], "pass", "{said}");
    let needs: Vec<&str> = loss["depends_on"].as_array().unwrap().iter().filter_map(|v| v.as_str()).collect();
    assert_eq!(needs, ["cloud:aws", "shared_risk:aws_control"]);
    run(&dir, &["plan", "-out=h.plan"], 0);
    run(&dir, &["verify", "h.plan"], 0);
    // The own site fails.
    run(&dir, &["sim", "down", "cloud:idc"], 0);
    says(&run(&dir, &["failover", "-auto-approve"], 0), &["complete, 10 serving"]);
    let status = run(&dir, &["sim", "status", "--json"], 0);
    assert_eq!(status.matches("\"zone\":\"apne2-az1\"").count(), 7, "{status}");
    assert_eq!(status.matches("\"zone\":\"apne2-az3\"").count(), 3, "{status}");
    run(&dir, &["sim", "up", "cloud:idc"], 0);
    run(&dir, &["failback", "-auto-approve"], 0);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
    assert_eq!(counts(&dir), [5, 5, 0]);
    // More than the first group holds spills; fewer empty the spill first.
    run(&dir, &["apply", "-auto-approve", "-var", "replicas=19", "-var", "then=50%"], 0);
    let spilled =
        run(&dir, &["plan", "-detailed-exitcode", "-var", "replicas=19", "-var", "then=50%", "-out=s.plan"], 0);
    assert!(spilled.contains("No changes"), "{spilled}");
    let status = run(&dir, &["sim", "status", "--json"], 0);
    assert_eq!(status.matches("\"zone\":\"apne2-az3\"").count(), 2, "{status}");
    run(&dir, &["apply", "-auto-approve"], 0);
    assert_eq!(counts(&dir), [5, 5, 0]);
}

#[test]
fn staging_stands_in_when_it_is_what_production_is() {
    let (_keep, dir, plan) = settles("staging-stands-in");
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    says(
        &flat(&plan),
        &[
            "PASS stand_in.staging staging can take the place of production: 10 replicas are needed, 2 stand and there is room for 12; all 3 things compared are the same.",
        ],
    );
    let other = run(&dir, &["plan", "-var", "staging_image=web-6", "-out=s.plan"], 0);
    says(
        &flat(&other),
        &["FAIL (drift) stand_in.staging staging is not what production is: image (\"web-7\" / \"web-6\")"],
    );
    run(&dir, &["verify", "s.plan"], 0);
    says(&flat(&run(&dir, &["plan", "-var", "staging_schema=41"], 0)), &["schema (42 / 41)"]);
    run(&dir, &["drift"], 0);
    run(&dir, &["drift", "-var", "staging_schema=41"], 2);
    // Seoul is gone: production is down, and staging is what the promise says.
    says(&run(&dir, &["simulate", "--lose", "region:seoul"], 0), &["stand_in.staging"]);
}

#[test]
fn cost_of_safety_is_d_over_d_minus_k() {
    let (_keep, dir) = copy("cost-of-safety");
    for (zones, replicas, factor) in
        [("2", "24", "2x"), ("3", "18", "1.5x"), ("4", "16", "1.33x"), ("5", "15", "1.25x")]
    {
        let plan = run(&dir, &["plan", "-var", &format!("zones={zones}")], 0);
        let all = format!("losing 1, all standing: {replicas} replicas, {factor}, USD");
        says(
            &plan,
            &[
                "losing none: 12 replicas, 1x, USD 0.60/h",
                &all,
                "the floor standing and the rest grown: 12 replicas, 1x, USD 0.60/h",
            ],
        );
    }
    let plan = run(&dir, &["plan"], 0);
    says(
        &plan,
        &[
            "losing 2, all standing: 24 replicas, 2x, USD 1.20/h",
            "One loss more (1 to 2) costs USD 0.40/h more.",
            "one hour in 1250",
        ],
    );
    run(&dir, &["apply", "-auto-approve"], 0);
    run(&dir, &["plan", "-detailed-exitcode"], 0);
    // The full floor without growing: twelve do not keep twelve, and the refusal says what would.
    run(&dir, &["plan", "-var", "floor=12"], 3);
    run(&dir, &["plan", "-var", "floor=12", "-var", "replicas=16"], 0);
}

#[test]
fn changes_wait_for_leave_and_repairs_do_not() {
    let (_keep, dir) = copy("web-5-5");
    let file = dir.join("web.straddle.hcl");
    let spec = std::fs::read_to_string(&file).unwrap();
    let with =
        |change: &str| std::fs::write(&file, format!("{spec}\nchange \"production\" {{\n{change}\n}}\n")).unwrap();
    run(&dir, &["apply", "-auto-approve"], 0);
    // A freeze holds a rollout and not a repair.
    with(&format!("freeze \"now\" {{\n from = \"{}\"\n to = \"2199-01-01\"\n}}", days_ago(1)));
    let said = run(&dir, &["apply", "-auto-approve", "-var", "image=web-2"], 1);
    says(&said, &["Not changed now", "nothing is changed during now", "2199-01-01"]);
    run(&dir, &["sim", "kill", "1", "--in", "zone:seoul-a"], 0);
    run(&dir, &["apply", "-auto-approve"], 0);
    run(&dir, &["sim", "down", "zone:seoul-a"], 0);
    run(&dir, &["failover", "-auto-approve"], 0);
    run(&dir, &["sim", "up", "zone:seoul-a"], 0);
    // The way back is no repair: it waits for the freeze to end, and for whoever approves removals.
    says(&run(&dir, &["failback", "-auto-approve"], 1), &["Not changed now", "nothing is changed during now"]);
    with("approvals = { remove = 1 }");
    says(&run(&dir, &["failback", "-auto-approve"], 1), &["1 people must approve; 0 did"]);
    run(&dir, &["failback", "-auto-approve", "-approved-by=kim=removals"], 0);
    with("");
    run(&dir, &["apply", "-auto-approve"], 0);
    // Stronger is nobody's approval, and fewer replicas are no weaker rule.
    with("approvals = { weaken = 2 }");
    let changed = |from: &str, to: &str| {
        assert_eq!(spec.matches(from).count(), 1, "{from}");
        let text = spec.replace(from, to);
        std::fs::write(&file, format!("{text}\nchange \"production\" {{\napprovals = {{ weaken = 2 }}\n}}\n")).unwrap();
    };
    changed("\"15m\"", "\"14m\"");
    run(&dir, &["apply", "-auto-approve"], 0);
    let smaller = spec.replace("\"15m\"", "\"14m\"").replace("replicas = 10", "replicas = 8");
    std::fs::write(&file, format!("{smaller}\nchange \"production\" {{\napprovals = {{ weaken = 2 }}\n}}\n")).unwrap();
    run(&dir, &["apply", "-auto-approve"], 0);
    // A rule is weakened by two people, not by one, and not by one twice.
    let weaker = spec.replace("floor  = \"50%\"", "floor  = \"40%\"");
    assert_ne!(weaker, spec);
    std::fs::write(&file, format!("{weaker}\nchange \"production\" {{\napprovals = {{ weaken = 2 }}\n}}\n")).unwrap();
    let flat = |text: String| text.split_whitespace().filter(|w| *w != "|").collect::<Vec<_>>().join(" ");
    says(&flat(run(&dir, &["apply", "-auto-approve"], 1)), &["which 2 people must approve; 0 did"]);
    says(&run(&dir, &["apply", "-auto-approve", "-approved-by=kim", "-approved-by=kim"], 1), &["1 did"]);
    says(&run(&dir, &["apply", "-auto-approve", "-approved-by=kim", "-approved-by=lee=removals"], 1), &["1 did"]);
    run(&dir, &["apply", "-auto-approve", "-approved-by=kim", "-approved-by=lee"], 0);
    run(&dir, &["apply", "-auto-approve"], 0);
}

#[test]
fn verdicts_are_told_in_korean() {
    let (_keep, dir) = copy("distance");
    let plan = run(&dir, &["--lang", "ko", "plan", "-var", "far=[36.8151,127.1139]"], 3);
    let flat = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    says(
        &flat,
        &[
            "seoul과 far 사이는 84.4km인데 규칙은 140km를 요구합니다. 55.6km가 모자라",
            "분산 \"zone\"",
            "잃었을 때 남는 서비스:",
            "단계",
            "여유도: 지금 0",
        ],
    );
    // Programs read English, whatever the locale.
    let json = std::process::Command::new(env!("CARGO_BIN_EXE_straddle"))
        .current_dir(&dir)
        .args(["simulate", "--json"])
        .env("LC_ALL", "ko_KR.UTF-8")
        .output()
        .unwrap();
    let text = String::from_utf8(json.stdout).unwrap();
    assert!(text.contains("pairs are at least 20 km apart") && !text.contains("떨어져"), "{text}");
    let text = std::process::Command::new(env!("CARGO_BIN_EXE_straddle"))
        .current_dir(&dir)
        .arg("plan")
        .env("LC_ALL", "ko_KR.UTF-8")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&text.stdout).contains("쌍 모두 20km 이상 떨어져 있습니다"));
}
