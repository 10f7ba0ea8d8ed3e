//! Black-box tests: the real binary, on a free loopback port, spoken to over the wire.
//!
//! One binary with a module per subject, because each test binary links everything once more. The modules from `base` to
//! `referrers` go through the distribution specification route by route; the others look at the server as its users do.
//! They need the tools that `cargo xtask test` installs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end itself")]

#[path = "../support/mod.rs"]
mod support;

mod auth_basic;
mod auth_token;
mod auth_token_clients;
mod base;
mod blobs;
mod chunks;
mod clients;
mod crash;
mod examples;
mod exchange;
mod hostile;
mod hostile_table;
mod hostile_values;
mod listings;
mod locations;
mod manifests_delete;
mod manifests_get;
mod manifests_put;
mod mounts;
mod notification_plugins;
mod notifications;
mod objects_crash;
mod objects_credentials;
mod objects_downloads;
mod objects_every;
mod objects_exchange;
mod objects_faults;
mod objects_network;
mod objects_oss;
mod objects_recipes;
mod objects_replicas;
mod objects_requests;
mod objects_roles;
mod objects_roles_azure;
mod objects_runtime;
mod objects_s3;
mod objects_swift;
mod objects_upkeep;
mod objects_uploads;
mod plugin_encrypted;
mod plugin_mail;
mod plugin_oidc;
mod plugin_webdav;
mod plugin_webhook;
mod plugins_auth;
mod plugins_bombs;
mod plugins_hostile;
mod plugins_operating;
mod plugins_serve;
mod plugins_swap;
mod pressure;
mod pulls;
mod ranges;
mod recipes;
mod redis_cache;
mod redis_exchange;
mod redis_faults;
mod redis_topologies;
mod referrers;
mod serving;
mod serving_clients;
mod serving_limits;
mod serving_telemetry;
mod serving_tls;
mod storage_plugin;
mod storage_plugin_hostile;
mod storage_plugin_swap;
mod uploads;
