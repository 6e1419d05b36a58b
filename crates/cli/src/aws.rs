//! Where AWS is and who asks: flags first, then the environment and the profile, as every AWS tool has them.

use aws_config::{BehaviorVersion, Region};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_types::SdkConfig;
use clap::Args;
use factlog::{Error, Result};

/// How AWS is reached.
#[derive(Debug, Args)]
pub(crate) struct AwsArgs {
    /// The region; by default AWS_REGION, else the profile's.
    #[arg(long, global = true, help_heading = "AWS", value_name = "REGION")]
    region: Option<String>,

    /// The profile of the AWS configuration files; by default AWS_PROFILE.
    #[arg(long, global = true, help_heading = "AWS", value_name = "PROFILE")]
    profile: Option<String>,

    /// Another address of DynamoDB; by default AWS_ENDPOINT_URL_DYNAMODB or AWS_ENDPOINT_URL, else the profile's, else AWS.
    #[arg(long, global = true, help_heading = "AWS", value_name = "URL")]
    endpoint_url: Option<String>,
}

impl AwsArgs {
    /// What the flags, the environment and the profile say; credentials are looked for when they are needed.
    ///
    /// # Errors
    /// `Invalid` if none says the region.
    pub(crate) async fn load(&self) -> Result<SdkConfig> {
        let https = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https);
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = loader.load().await;
        if config.region().is_none() {
            return Err(Error::invalid(
                "no AWS region is known: --region, AWS_REGION or the profile has to say it",
            ));
        }
        Ok(config)
    }
}
