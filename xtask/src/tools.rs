//! The programs that tests talk to: where they come from, and how tests find them.
//!
//! Debian packages are installed only when the program is missing. Go programs are built once at a pinned version
//! into a cache folder outside the checkout (`$XDG_CACHE_HOME/wharf/tools/NAME-VERSION`, by default under
//! `~/.cache`) and found there the next time. So are packages for node.

use crate::guests;
use crate::process::{capture, last_lines, say};
use crate::python;
use anyhow::{Context, Result, bail};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One program, the variable that names it to the tests, and where it comes from.
struct Tool {
    variable: &'static str,
    binary: &'static str,
    source: Source,
}

enum Source {
    Debian {
        package: &'static str,
    },
    Go {
        name: &'static str,
        module: &'static str,
        version: &'static str,
    },
    /// A package for node, at a pinned version; the tool's path is the folder that it is installed in.
    Npm {
        package: &'static str,
        version: &'static str,
    },
    /// The program that a package for node brings.
    NpmProgram {
        package: &'static str,
        version: &'static str,
    },
    /// The program of the last of some packages of PyPI, which share an environment.
    Pip {
        name: &'static str,
        packages: &'static [&'static str],
    },
    /// A library of PyPI in an environment of its own; the tool's path is that environment's python3.
    PipLibrary {
        package: &'static str,
        version: &'static str,
        /// What Python calls it.
        module: &'static str,
    },
    /// Used where it is, never installed.
    IfThere,
}

const TOOLS: [Tool; 22] = [
    Tool { variable: "WHARF_TOOL_SKOPEO", binary: "skopeo", source: Source::Debian { package: "skopeo" } },
    Tool {
        variable: "WHARF_TOOL_CRANE",
        binary: "crane",
        source: Source::Go {
            name: "crane",
            module: "github.com/google/go-containerregistry/cmd/crane",
            version: "v0.22.1",
        },
    },
    Tool {
        variable: "WHARF_TOOL_REGCTL",
        binary: "regctl",
        source: Source::Go { name: "regctl", module: "github.com/regclient/regclient/cmd/regctl", version: "v0.11.7" },
    },
    Tool {
        variable: "WHARF_TOOL_DISTRIBUTION",
        binary: "registry",
        source: Source::Go {
            name: "distribution",
            module: "github.com/distribution/distribution/v3/cmd/registry",
            version: "v3.1.1",
        },
    },
    Tool {
        variable: "WHARF_TOOL_VERSITYGW",
        binary: "versitygw",
        source: Source::Go {
            name: "versitygw",
            module: "github.com/versity/versitygw/cmd/versitygw",
            version: "v1.8.0",
        },
    },
    Tool {
        variable: "WHARF_TOOL_DOCKER_REGISTRY",
        binary: "docker-registry",
        source: Source::Debian { package: "docker-registry" },
    },
    Tool { variable: "WHARF_TOOL_NGINX", binary: "nginx", source: Source::Debian { package: "nginx-light" } },
    Tool { variable: "WHARF_TOOL_HTPASSWD", binary: "htpasswd", source: Source::Debian { package: "apache2-utils" } },
    Tool { variable: "WHARF_TOOL_APACHE", binary: "apache2", source: Source::Debian { package: "apache2-bin" } },
    Tool {
        variable: "WHARF_TOOL_REDIS_SERVER",
        binary: "redis-server",
        source: Source::Debian { package: "redis-server" },
    },
    Tool { variable: "WHARF_TOOL_EXIM", binary: "exim4", source: Source::Debian { package: "exim4-daemon-light" } },
    Tool { variable: "WHARF_TOOL_NODE", binary: "node", source: Source::Debian { package: "nodejs" } },
    Tool {
        variable: "WHARF_TOOL_OIDC_PROVIDER",
        binary: "npm",
        // The last major that runs on Debian's node.
        source: Source::Npm { package: "oidc-provider", version: "8.8.1" },
    },
    Tool { variable: "WHARF_TOOL_DOCKER", binary: "docker", source: Source::IfThere },
    Tool {
        variable: "WHARF_TOOL_JCO",
        binary: "jco",
        source: Source::NpmProgram { package: "@bytecodealliance/jco", version: "1.35.0" },
    },
    // With zig, which compiles C: `python3` of the same folder finds it.
    Tool {
        variable: "WHARF_TOOL_COMPONENTIZE_PY",
        binary: "componentize-py",
        source: Source::Pip {
            name: "componentize-py-0.25.1-ziglang-0.17.1",
            packages: &["ziglang==0.17.1", "componentize-py==0.25.1"],
        },
    },
    Tool {
        variable: "WHARF_TOOL_MINIO",
        binary: "minio",
        source: Source::Go {
            name: "minio",
            module: "github.com/minio/minio",
            version: "v0.0.0-20260212201848-7aac2a2c5b7c",
        },
    },
    Tool {
        variable: "WHARF_TOOL_FAKE_GCS",
        binary: "fake-gcs-server",
        source: Source::Go { name: "fake-gcs-server", module: "github.com/fsouza/fake-gcs-server", version: "v1.56.1" },
    },
    Tool {
        variable: "WHARF_TOOL_AZURITE",
        binary: "azurite-blob",
        source: Source::NpmProgram { package: "azurite", version: "3.35.0" },
    },
    Tool {
        variable: "WHARF_TOOL_S3RVER",
        binary: "s3rver",
        source: Source::NpmProgram { package: "s3rver", version: "3.7.1" },
    },
    Tool {
        variable: "WHARF_TOOL_OSS_SDK",
        binary: "python3",
        source: Source::PipLibrary { package: "oss2", version: "2.19.1", module: "oss2" },
    },
    Tool {
        variable: "WHARF_TOOL_SWIFT",
        binary: "python3",
        source: Source::PipLibrary { package: "swift", version: "2.38.3", module: "swift.proxy.server" },
    },
];

/// Installs Debian packages without starting the services that some of them bring: a registry or a web server that
/// came up by itself would hold the ports of the machine it was installed on.
const DEBIAN_INSTALL: &str = r#"
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
"#;

/// The tools that were found or installed.
pub(crate) struct Toolbox {
    found: Vec<(&'static str, PathBuf)>,
}

impl Toolbox {
    /// Sets the tools' variables for a command and puts their folders in front of its `PATH`.
    pub(crate) fn equip(&self, command: &mut Command) -> Result<()> {
        command.envs(self.found.iter().map(|(variable, path)| (variable, path)));
        command.env("PATH", self.search_path()?);
        Ok(())
    }

    /// The same as lines for a shell's `eval`.
    pub(crate) fn as_shell(&self) -> String {
        self.found.iter().map(|(variable, path)| format!("export {variable}='{}'\n", path.display())).collect()
    }

    /// The path of one tool by its variable.
    pub(crate) fn path(&self, variable: &str) -> Option<&Path> {
        self.found.iter().find(|(name, _)| *name == variable).map(|(_, path)| path.as_path())
    }

    /// `PATH` with the tools' folders in front, except those that it has already: moving `/usr/bin` to the front would
    /// hide what the caller put before it.
    fn search_path(&self) -> Result<OsString> {
        let inherited: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
        let mut folders: Vec<PathBuf> = self.found.iter().filter_map(|(_, path)| Some(path.parent()?.into())).collect();
        folders.retain(|folder| !inherited.contains(folder));
        folders.extend(inherited);
        env::join_paths(folders).context("a tool's folder has a colon in its name")
    }
}

/// Finds every tool and installs those that are missing.
///
/// # Errors
/// When one cannot be had; the error names the package or module and quotes what its installer said.
pub(crate) fn install() -> Result<Toolbox> {
    install_debian()?;
    let mut found = Vec::new();
    for tool in &TOOLS {
        let path = match &tool.source {
            Source::Debian { package } => Some(find(tool.binary).with_context(|| {
                format!("the Debian package {package} is installed, but its program {} is not to be found", tool.binary)
            })?),
            Source::Go { name, module, version } => Some(install_go(name, module, version, tool.binary)?),
            Source::Npm { package, version } => Some(install_npm(package, version)?),
            Source::NpmProgram { package, version } => {
                Some(install_npm(package, version)?.join("node_modules/.bin").join(tool.binary))
            }
            Source::Pip { name, packages } => {
                Some(python::install(&cache_folder()?.join("tools").join(name), packages, tool.binary)?)
            }
            Source::PipLibrary { package, version, module } => {
                let folder = cache_folder()?.join("tools").join(format!("{package}-{version}"));
                Some(python::install_library(&folder, &format!("{package}=={version}"), module)?)
            }
            Source::IfThere => find(tool.binary),
        };
        found.extend(path.map(|path| (tool.variable, path)));
    }
    say(format!("tools: {} ready", found.len()));
    Ok(Toolbox { found })
}

/// Looks a program up in `PATH` and where Debian keeps those that only root is expected to call.
pub(crate) fn find(binary: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|folder| folder.join(binary)).find(|candidate| candidate.is_file())
}

fn install_debian() -> Result<()> {
    let programs = TOOLS.iter().filter_map(|tool| match tool.source {
        Source::Debian { package } if find(tool.binary).is_none() => Some(package),
        _ => None,
    });
    let missing: Vec<&str> = programs.chain(guests::missing_packages()?).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(", ");
    say(format!("tools: apt-get install {}", missing.join(" ")));
    if find("apt-get").is_none() {
        bail!(
            "the tests need {names}, and there is no apt-get here: install what gives the programs of these packages"
        );
    }
    let is_root = capture(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = if is_root { Command::new("sh") } else { Command::new("sudo") };
    if !is_root {
        command.args(["-n", "sh"]);
    }
    command.args(["-c", DEBIAN_INSTALL, "install-packages"]).args(&missing);
    capture(&mut command).map(drop).with_context(|| format!("cannot install the Debian packages {names}"))
}

/// Builds a Go program at a pinned version into the cache folder, unless it is there already.
fn install_go(name: &str, module: &str, version: &str, binary: &str) -> Result<PathBuf> {
    let folder = cache_folder()?.join("tools").join(format!("{name}-{version}"));
    let program = folder.join(binary);
    if program.is_file() {
        return Ok(program);
    }
    if find("go").is_none() {
        bail!("the tests need {name} {version}, which `go install {module}@{version}` builds, and there is no Go here");
    }
    say(format!("tools: go install {module}@{version}"));
    // Built beside its place and renamed into it: a build that was cut short is never taken for a finished one.
    let partial = folder.with_extension(format!("partial-{}", std::process::id()));
    fs::create_dir_all(&partial).with_context(|| format!("cannot make the folder {}", partial.display()))?;
    let output = Command::new("go")
        .args(["install", "-trimpath", &format!("{module}@{version}")])
        .env("GOBIN", &partial)
        .env("CGO_ENABLED", "0")
        .current_dir(&partial)
        .stdin(Stdio::null())
        .output()
        .context("cannot start go")?;
    if !output.status.success() {
        let said = last_lines(&String::from_utf8_lossy(&output.stderr));
        let _ = fs::remove_dir_all(&partial);
        bail!("cannot have {name}: `go install {module}@{version}` failed:\n{said}");
    }
    let renamed = fs::rename(&partial, &folder);
    if renamed.is_err() && !program.is_file() {
        renamed.with_context(|| format!("cannot move {name} to {}", folder.display()))?;
    }
    Ok(program)
}

/// Installs a package for node at a pinned version into the cache folder, unless it is there already, and returns its folder.
fn install_npm(package: &str, version: &str) -> Result<PathBuf> {
    let folder = cache_folder()?.join("tools").join(format!("{package}-{version}"));
    if folder.join("node_modules").join(package).is_dir() {
        return Ok(folder);
    }
    say(format!("tools: npm install {package}@{version}"));
    let partial = folder.with_extension(format!("partial-{}", std::process::id()));
    fs::create_dir_all(&partial).with_context(|| format!("cannot make the folder {}", partial.display()))?;
    let wanted = format!("{package}@{version}");
    let mut command = Command::new("npm");
    command.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&partial).arg(&wanted);
    if let Err(error) = capture(&mut command) {
        let _ = fs::remove_dir_all(&partial);
        return Err(error).with_context(|| format!("cannot have {package}"));
    }
    let renamed = fs::rename(&partial, &folder);
    if renamed.is_err() && !folder.is_dir() {
        renamed.with_context(|| format!("cannot move {package} to {}", folder.display()))?;
    }
    Ok(folder)
}

/// `$XDG_CACHE_HOME/wharf`, or `~/.cache/wharf`.
fn cache_folder() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => {
            PathBuf::from(env::var_os("HOME").context("HOME is not set: no place for the cache folder")?).join(".cache")
        }
    };
    Ok(base.join("wharf"))
}
