//! The provider's own configuration, by the names AWS users write.

use crate::attr::Args;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls;
use aws_smithy_types::retry::RetryConfig;
use std::collections::BTreeMap;
use std::time::Duration;
use straddle_sdk::provider::{
    BlockSpec, Diagnostic, Diagnostics, ResourceSchema, boolean, list_block, map, number, set, set_block, string,
};
use straddle_sdk::value::{Type, Value};

/// Requests of one call before it is given up, unless configured.
const ATTEMPTS: u32 = 10;

/// A configuration that is known as a whole. Its secrets are never printed: the type has no `Debug`.
#[derive(Clone, Default)]
pub struct Settings {
    /// The region; empty: as the SDK finds it.
    pub region: String,
    profile: Option<String>,
    keys: Option<(String, String, Option<String>)>,
    role: Option<Role>,
    endpoints: BTreeMap<String, String>,
    attempts: u32,
    fips: bool,
    dual_stack: bool,
    /// Tags of everything made.
    pub default_tags: BTreeMap<String, String>,
    /// Keys of tags that are somebody else's.
    pub ignored_keys: Vec<String>,
    /// Beginnings of keys of tags that are somebody else's.
    pub ignored_prefixes: Vec<String>,
    /// Accounts this configuration may work in; empty: any.
    pub allowed_accounts: Vec<String>,
    /// Accounts this configuration must not work in.
    pub forbidden_accounts: Vec<String>,
}

#[derive(Clone, Default)]
struct Role {
    arn: String,
    session: Option<String>,
    external_id: Option<String>,
    policy: Option<String>,
}

/// The clients of a configuration.
pub(crate) struct Clients {
    pub region: String,
    pub ec2: aws_sdk_ec2::Client,
    pub ec2_once: aws_sdk_ec2::Client,
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    pub elb_once: aws_sdk_elasticloadbalancingv2::Client,
    pub groups: aws_sdk_autoscaling::Client,
    pub dns: aws_sdk_route53::Client,
    pub sts: aws_sdk_sts::Client,
    pub quotas: aws_sdk_servicequotas::Client,
    pub shifts: aws_sdk_arczonalshift::Client,
}

const ENDPOINTS: &[&str] = &["ec2", "elbv2", "autoscaling", "route53", "sts", "servicequotas", "arczonalshift"];

/// What the provider block may hold.
pub fn schema() -> ResourceSchema {
    let endpoints = ENDPOINTS.iter().fold(ResourceSchema::new(), |schema, name| {
        schema.attribute(*name, string().describe("URL to reach this service by."))
    });
    let role = ResourceSchema::new()
        .attribute("role_arn", string().required())
        .attribute("session_name", string())
        .attribute("external_id", string())
        .attribute("policy", string());
    let ignored =
        ResourceSchema::new().attribute("keys", set(Type::String)).attribute("key_prefixes", set(Type::String));
    let accepted =
        "Accepted for configurations written for other endpoints: nothing is checked that was not asked for.";
    let one = |content: ResourceSchema| -> BlockSpec { list_block(content).items(0, 1) };
    ResourceSchema::new()
        .describe("AWS, by the official SDK.")
        .attribute("region", string().describe("Region; default: as the SDK finds it (environment, profile, IMDS)."))
        .attribute("profile", string().describe("Profile of the shared configuration."))
        .attribute("access_key", string().describe("Access key; better left to the SDK's own sources."))
        .attribute("secret_key", string().sensitive())
        .attribute("token", string().sensitive())
        .attribute("max_retries", number().describe("How often a call is made again; default 9."))
        .attribute("allowed_account_ids", set(Type::String).describe("Accounts this may work in; default: any."))
        .attribute("forbidden_account_ids", set(Type::String).describe("Accounts this must not work in."))
        .attribute("use_fips_endpoint", boolean())
        .attribute("use_dualstack_endpoint", boolean())
        .attribute("skip_credentials_validation", boolean().describe(accepted))
        .attribute("skip_metadata_api_check", string().describe(accepted))
        .attribute("skip_region_validation", boolean().describe(accepted))
        .attribute("skip_requesting_account_id", boolean().describe(accepted))
        .block("endpoints", set_block(endpoints))
        .block("assume_role", one(role))
        .block("default_tags", one(ResourceSchema::new().attribute("tags", map(Type::String))))
        .block("ignore_tags", one(ignored))
}

/// Reads a configuration; `None` when part of it is not known yet. All mistakes at once.
pub fn read(config: &Value) -> Result<Option<Settings>, Diagnostics> {
    let args = Args(config);
    let mut problems = Diagnostics::new();
    let keys = match (args.text("access_key"), args.text("secret_key")) {
        (Some(id), Some(secret)) => Some((id, secret, args.text("token"))),
        (None, None) => None,
        (has, _) => {
            let (has, lacks) = if has.is_some() { ("access_key", "secret_key") } else { ("secret_key", "access_key") };
            let detail =
                format!("{has} is given without {lacks}. Give both, or neither and let the SDK find credentials.");
            // One of them may only be unknown yet.
            if config.is_wholly_known() {
                problems.push(Diagnostic::error("Half of a key pair", detail).attribute(has));
            }
            None
        }
    };
    let retries = args.int("max_retries").unwrap_or(i64::from(ATTEMPTS) - 1);
    if !(0..=100).contains(&retries) {
        let detail = "max_retries is a whole number from 0 to 100.";
        problems.push(Diagnostic::error("Not a number of retries", detail).attribute("max_retries"));
    }
    let mut endpoints = BTreeMap::new();
    for block in args.blocks("endpoints") {
        for name in ENDPOINTS {
            if let Some(url) = block.text(name) {
                if !url.starts_with("http://") && !url.starts_with("https://") {
                    let detail = format!("The endpoint of {name} is a URL that begins with http:// or https://.");
                    problems.push(Diagnostic::error("Not a URL", detail).attribute("endpoints"));
                }
                endpoints.insert((*name).to_owned(), url);
            }
        }
    }
    problems.into_result()?;
    let role = args.block("assume_role").map(|role| Role {
        arn: role.must("role_arn"),
        session: role.text("session_name"),
        external_id: role.text("external_id"),
        policy: role.text("policy"),
    });
    let ignored = args.block("ignore_tags");
    let texts = |name: &str| ignored.map(|block| block.texts(name)).unwrap_or_default();
    let settings = Settings {
        region: args.must("region"),
        profile: args.text("profile"),
        keys,
        role,
        endpoints,
        attempts: u32::try_from(retries).unwrap_or(ATTEMPTS) + 1,
        fips: args.flag("use_fips_endpoint").unwrap_or(false),
        dual_stack: args.flag("use_dualstack_endpoint").unwrap_or(false),
        default_tags: args.block("default_tags").map(|block| block.map("tags")).unwrap_or_default(),
        ignored_keys: texts("keys"),
        ignored_prefixes: texts("key_prefixes"),
        allowed_accounts: args.texts("allowed_account_ids"),
        forbidden_accounts: args.texts("forbidden_account_ids"),
    };
    Ok(config.is_wholly_known().then_some(settings))
}

/// For what is good to know and not waited for.
fn beside() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(100))
}

fn soon() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(3)).operation_timeout(Duration::from_secs(8)).build()
}

impl Settings {
    async fn load(&self) -> SdkConfig {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_secs(60))
            .operation_timeout(Duration::from_secs(300))
            .build();
        // Adaptive: the client slows down by itself when the service says that it is too fast.
        let retry =
            RetryConfig::adaptive().with_max_attempts(self.attempts).with_initial_backoff(Duration::from_millis(300));
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .retry_config(retry)
            .timeout_config(timeouts)
            .use_fips(self.fips)
            .use_dual_stack(self.dual_stack);
        if !self.region.is_empty() {
            loader = loader.region(Region::new(self.region.clone()));
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some((id, secret, token)) = &self.keys {
            let keys = aws_sdk_sts::config::Credentials::new(id, secret, token.clone(), None, "provider block");
            loader = loader.credentials_provider(keys);
        }
        let base = loader.load().await;
        let Some(role) = &self.role else { return base };
        let mut provider = AssumeRoleProvider::builder(&role.arn)
            .session_name(role.session.clone().unwrap_or_else(|| "straddle".to_owned()))
            .configure(&base);
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id);
        }
        if let Some(policy) = &role.policy {
            provider = provider.policy(policy);
        }
        let provider = provider.build().await;
        base.into_builder().credentials_provider(aws_sdk_sts::config::SharedCredentialsProvider::new(provider)).build()
    }

    pub(crate) async fn clients(&self) -> Clients {
        let shared = self.load().await;
        let region = shared.region().map(ToString::to_string).unwrap_or_default();
        macro_rules! client {
            ($krate:ident, $name:literal) => {{
                let mut builder = $krate::config::Builder::from(&shared);
                if let Some(url) = self.endpoints.get($name) {
                    builder = builder.endpoint_url(url);
                }
                builder
            }};
        }
        let once = client!(aws_sdk_ec2, "ec2").retry_config(RetryConfig::disabled()).build();
        let elb_once = client!(aws_sdk_elasticloadbalancingv2, "elbv2").retry_config(RetryConfig::disabled()).build();
        Clients {
            region,
            ec2: aws_sdk_ec2::Client::from_conf(client!(aws_sdk_ec2, "ec2").build()),
            ec2_once: aws_sdk_ec2::Client::from_conf(once),
            elb_once: aws_sdk_elasticloadbalancingv2::Client::from_conf(elb_once),
            elb: aws_sdk_elasticloadbalancingv2::Client::from_conf(
                client!(aws_sdk_elasticloadbalancingv2, "elbv2").build(),
            ),
            groups: aws_sdk_autoscaling::Client::from_conf(client!(aws_sdk_autoscaling, "autoscaling").build()),
            dns: aws_sdk_route53::Client::from_conf(client!(aws_sdk_route53, "route53").build()),
            sts: aws_sdk_sts::Client::from_conf(client!(aws_sdk_sts, "sts").build()),
            quotas: aws_sdk_servicequotas::Client::from_conf(
                client!(aws_sdk_servicequotas, "servicequotas").retry_config(beside()).timeout_config(soon()).build(),
            ),
            shifts: aws_sdk_arczonalshift::Client::from_conf(
                client!(aws_sdk_arczonalshift, "arczonalshift").retry_config(beside()).timeout_config(soon()).build(),
            ),
        }
    }

    /// Whether a tag is shown: neither straddle's own, nor AWS's, nor one that is ignored.
    pub fn shows(&self, key: &str) -> bool {
        !key.starts_with("aws:")
            && !key.starts_with(crate::ownership::PREFIX)
            && !self.ignored_keys.iter().any(|k| k == key)
            && !self.ignored_prefixes.iter().any(|p| key.starts_with(p.as_str()))
    }

    /// The tags of an object: what its own say, over the provider's.
    pub fn all_tags(&self, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = self.default_tags.clone();
        all.extend(own.iter().map(|(k, v)| (k.clone(), v.clone())));
        all
    }
}
