//! Does weir come to an API server as kubectl does with the same kubeconfig, or refuse it as kubectl does?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

#[path = "../common/mod.rs"]
mod common;

mod cases;
mod users;

use cases::{Case, Expected, SERVERS};
use common::{WEIR, folder};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
};
use users::USERS;
use weir_testkit::{ApiServer, Authority, OwnThread, Program, Sighting, installed, wait_until};

/// An API server by TLS, one without, and a folder with all that kubeconfigs of the cases name.
struct Bed {
    folder: PathBuf,
    secure: OwnThread<ApiServer>,
    plain: OwnThread<ApiServer>,
    _authority: Authority,
}

impl Bed {
    fn new() -> Self {
        let (secure, plain) = (OwnThread::start(ApiServer::start), OwnThread::start(ApiServer::start));
        let (secure, plain) = (secure.unwrap(), plain.unwrap());
        let authority = Authority::new().unwrap();
        secure.use_tls(&authority).unwrap();
        let folder = folder();
        let copy = |from: &PathBuf, to: &str| fs::copy(from, folder.join(to)).unwrap();
        copy(&authority.certificate(), "ca.crt");
        copy(&authority.server_certificate(), "server.crt");
        for (name, key) in [
            ("p256", &["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"][..]),
            ("p384", &["ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"]),
            ("p521", &["ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"]),
            ("rsa", &["rsa:2048"]),
            ("ed25519", &["ed25519"]),
        ] {
            let (certificate, private) = authority.client(name, key).unwrap();
            copy(&certificate, &format!("{name}.crt"));
            copy(&private, &format!("{name}.key"));
        }
        for (kind, options) in [
            ("pkcs1", &["rsa", "-traditional", "-in", "rsa.key"][..]),
            ("sec1", &["ec", "-in", "p256.key"]),
            ("encrypted", &["pkcs8", "-topk8", "-passout", "pass:secret", "-in", "p256.key"]),
            ("old-encrypted", &["ec", "-aes256", "-passout", "pass:secret", "-in", "p256.key"]),
            ("der", &["ec", "-outform", "DER", "-in", "p256.key"]),
            ("short", &["genrsa", "1024"]),
            ("secp256k1", &["ecparam", "-name", "secp256k1", "-genkey"]),
            ("ed448", &["genpkey", "-algorithm", "ed448"]),
        ] {
            let mut openssl = Command::new("openssl");
            let (command, options) = options.split_first().unwrap();
            openssl.arg(command).arg("-out").arg(format!("{kind}.key")).args(options).current_dir(&folder);
            assert!(openssl.output().unwrap().status.success(), "{kind}");
        }
        let pkcs8 = fs::read_to_string(folder.join("rsa.key")).unwrap();
        fs::write(folder.join("mislabelled.key"), pkcs8.replace("PRIVATE KEY", "RSA PRIVATE KEY")).unwrap();
        fs::write(folder.join("token"), "from-file\n").unwrap();
        let plugin = "#!/bin/sh\nprintf '{\"kind\": \"ExecCredential\", \"apiVersion\": \
                      \"client.authentication.k8s.io/v1\", \"status\": {\"token\": \"from-plugin\"}}\\n'\n";
        fs::write(folder.join("plugin"), plugin).unwrap();
        fs::set_permissions(folder.join("plugin"), fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, secure, plain, _authority: authority }
    }

    /// Text of a case with what stands for this bed's values.
    fn filled(&self, text: &str) -> String {
        let read = |name: &str| base64(&fs::read(self.folder.join(name)).unwrap());
        let lines = |text: &str| {
            let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
            lines.collect::<Vec<_>>()
        };
        let ca = read("ca.crt");
        text.replace("BINARY-CA", &base64(format!("{}\n", lines(&ca).join("\n")).as_bytes()))
            .replace("WRAPPED-CA", &lines(&ca).join("\n  "))
            .replace("FOLDED-CA", &lines(&ca).join(" "))
            .replace("CA-DATA", &ca)
            .replace("CERTIFICATE-DATA", &read("p256.crt"))
            .replace("KEY-DATA", &read("p256.key"))
            .replace("SECURE", &self.secure.address().to_string())
            .replace("PLAIN", &self.plain.address().to_string())
    }

    /// Writes the files of a case; returns the value of `KUBECONFIG`.
    fn write(&self, case: &Case) -> String {
        let config = self.folder.join("config");
        if let Some(files) = case.files {
            let mut paths = Vec::new();
            for (name, text) in files {
                let path = self.folder.join(name);
                _ = fs::remove_file(&path);
                if let Some(text) = text {
                    fs::write(&path, self.filled(text)).unwrap();
                }
                paths.push(path.display().to_string());
            }
            return paths.join(":");
        }
        let indented = |text: &str| self.filled(text).replace('\n', "\n    ");
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: k\n  cluster:\n    {}\nusers:\n- name: u\n  user:\n    \
             {}\ncontexts:\n- name: c\n  context: {{cluster: k, user: u}}\ncurrent-context: c\n",
            indented(case.cluster),
            indented(case.user)
        );
        fs::write(&config, text).unwrap();
        config.display().to_string()
    }

    /// How somebody came who asked for what `path` ends in, if anybody did.
    fn sighted(&self, path: &str) -> Option<String> {
        let mut sightings = self.secure.take_sightings();
        sightings.extend(self.plain.take_sightings());
        sightings
            .iter()
            .find(|sighting| sighting.path.ends_with(path))
            .map(|sighting| described(sighting, path))
    }

    fn command(&self, program: &str, kubeconfig: &str) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", kubeconfig).env("HOME", "/nowhere").current_dir(&self.folder);
        command.stdin(Stdio::null());
        command
    }

    fn kubectl(&self, kubeconfig: &str) -> String {
        let mut command = self.command("kubectl", kubeconfig);
        command.args(["version", "--request-timeout", "20s"]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        self.sighted("/version").unwrap_or(format!("refused: {said}"))
    }

    fn weir(&self, kubeconfig: &str) -> String {
        let mut command = self.command(WEIR, kubeconfig);
        command.args([
            "run",
            "--map",
            "loopback",
            "--health-address",
            "",
            "--admin-address",
            "",
            "--state-dir",
            "",
        ]);
        let mut weir = Program::piped("weir", &mut command).unwrap();
        let mut outcome = None;
        wait_until("weir to come, or to refuse", || {
            outcome = self.sighted("/api/v1/services").or_else(|| {
                let ended = weir.has_ended().unwrap();
                let log = weir.log().unwrap();
                (ended || log.contains("no trusted connection")).then(|| format!("refused: {}", log.trim()))
            });
            outcome.is_some()
        });
        outcome.unwrap()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.folder);
    }
}

/// Way and credentials, in the words of the cases.
fn described(sighting: &Sighting, path: &str) -> String {
    let mut parts = vec![if sighting.tls { "https".to_owned() } else { "http".to_owned() }];
    let prefix = sighting.path.trim_end_matches(path);
    parts.extend((!prefix.is_empty()).then(|| prefix.to_owned()));
    parts.extend(sighting.authorization.clone());
    parts.extend(sighting.impersonation.iter().cloned());
    parts.extend(sighting.certificate.then(|| "certificate".to_owned()));
    parts.join(", ")
}

fn base64(bytes: &[u8]) -> String {
    let mut command = Command::new("openssl");
    command.args(["base64", "-A"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), bytes).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// Whether an outcome is as expected; of a refusal, whether it says all of the words.
fn is_as(expected: &str, outcome: &str) -> bool {
    match (expected.strip_prefix("refused"), outcome.strip_prefix("refused: ")) {
        (Some(words), Some(said)) => {
            words.trim_start_matches(": ").split(" .. ").all(|words| said.contains(words))
        }
        (None, None) => expected == outcome,
        _ => false,
    }
}

#[test]
fn weir_comes_as_kubectl_does_with_the_same_kubeconfig_or_refuses_it_likewise() {
    let with_kubectl = installed("kubectl");
    let bed = Bed::new();
    let mut wrong = Vec::new();
    let cases: Vec<&Case> = SERVERS.iter().chain(USERS).collect();
    for case in &cases {
        let kubeconfig = bed.write(case);
        let mut compare = |who: &str, expected: &str, outcome: String| {
            if !is_as(expected, &outcome) {
                wrong.push(format!("{}: {who}: {outcome}\n    expected: {expected}", case.name));
            }
        };
        let (kubectl, weir) = match case.expected {
            Expected::Both(outcome) => (outcome, outcome),
            Expected::Differ { kubectl, weir, why: _ } => (kubectl, weir),
            Expected::BothRefuse { weir } => ("refused", weir),
        };
        if with_kubectl {
            compare("kubectl", kubectl, bed.kubectl(&kubeconfig));
        }
        compare("weir", weir, bed.weir(&kubeconfig));
    }
    println!(
        "{} kubeconfigs were read as expected, compared with kubectl: {with_kubectl}",
        cases.len() - wrong.len()
    );
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
