//! The built program with manifests or an API server: what the tests of `weir run` start from.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::{
    fs,
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, ExitStatus, Output},
};
use weir_testkit::{Behaviour, OwnThread, Program, TcpServer};

pub(crate) use weir_testkit::{HANG, http_get as get, wait_until as wait_for};

/// A running weir with a folder of manifests. Killed and removed when dropped.
pub(crate) struct Weir {
    program: Program,
    folder: PathBuf,
    health: SocketAddr,
}

/// The built program.
pub(crate) const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// A new folder.
pub(crate) fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("weir-run-{:016x}", rand::random::<u64>()));
    fs::create_dir(&folder).unwrap();
    folder
}

pub(crate) fn free(ip: Ipv4Addr) -> SocketAddr {
    TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap()
}

pub(crate) fn manifest(service: SocketAddr, endpoints: &[SocketAddr]) -> String {
    let slices = endpoints.iter().enumerate().map(|(index, endpoint)| {
        let (ip, port) = (endpoint.ip(), endpoint.port());
        format!(
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: web-{index}, labels: \
             {{kubernetes.io/service-name: web}}}}\naddressType: IPv4\nports: [{{name: \"\", port: {port}}}]\n\
             endpoints: [{{addresses: [{ip}]}}]\n"
        )
    });
    let (ip, port) = (service.ip(), service.port());
    let service = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{clusterIP: {ip}, clusterIPs: [{ip}], \
         ipFamilies: [IPv4], ports: [{{port: {port}}}]}}\n"
    );
    slices.fold(service, |all, slice| all + &slice)
}

impl Weir {
    /// Starts `weir run` on a manifest through a shell line, in which `"$@"` stands for the command.
    pub(crate) fn start(shell: &str, manifest: &str, flags: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", shell, "sh", WEIR, "run", "--manifests"]);
        let folder = folder();
        command.arg(&folder).args(flags);
        let weir = Self::spawn(command, folder);
        weir.write(manifest);
        weir
    }

    /// Starts a command that is `weir run` in some way, with a folder of its own.
    pub(crate) fn spawn(mut command: Command, folder: PathBuf) -> Self {
        let health = free(Ipv4Addr::LOCALHOST);
        command
            .env("WEIR_WORKERS", "2")
            .env("WEIR_HEALTH_ADDRESS", health.to_string())
            .env("WEIR_ADMIN_ADDRESS", "")
            .env("WEIR_RUNTIME_DIR", folder.join("run"))
            .env("WEIR_STATE_DIR", folder.join("state"));
        Self { program: Program::piped("weir", &mut command).unwrap(), folder, health }
    }

    /// The same, and waits until it serves.
    pub(crate) fn ready(manifest: &str, flags: &[&str]) -> Self {
        let weir = Self::start("exec \"$@\"", manifest, flags);
        weir.wait_until_ready();
        weir
    }

    pub(crate) fn wait_until_ready(&self) {
        wait_for("readiness", || self.probe("/readyz") == Some(200));
    }

    pub(crate) fn write(&self, manifest: &str) {
        let next = self.folder.join(".next");
        fs::write(&next, manifest).unwrap();
        fs::rename(next, self.folder.join("web.yaml")).unwrap();
    }

    /// The status that a probe gets, if there is an answer.
    pub(crate) fn probe(&self, path: &str) -> Option<u16> {
        get(self.health, path)?.split(' ').nth(1)?.parse().ok()
    }

    pub(crate) fn pid(&self) -> String {
        self.program.id().to_string()
    }

    /// The socket through which operators speak to weir.
    pub(crate) fn admin_socket(&self) -> PathBuf {
        self.folder.join("run/admin.sock")
    }

    /// The address of the probes.
    pub(crate) fn health(&self) -> SocketAddr {
        self.health
    }

    pub(crate) fn signal(&self, name: &str) {
        self.program.signal(name).unwrap();
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.program.has_ended().unwrap()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.program.wait().unwrap()
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        self.program.line().unwrap().expect("a line")
    }

    pub(crate) fn log(&self) -> String {
        self.program.log().unwrap()
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs the program with this on its standard input to its end.
pub(crate) fn run(arguments: &[&str], input: &str) -> Output {
    weir_testkit::output(Command::new(WEIR).args(arguments), input).unwrap()
}

/// What a program printed to standard output and to standard error.
pub(crate) fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

pub(crate) fn greeter(name: &str) -> OwnThread<TcpServer> {
    let behaviour = Behaviour::Greet(name.to_owned());
    OwnThread::start(|| TcpServer::start("127.0.0.2:0".parse().unwrap(), behaviour)).unwrap()
}

pub(crate) fn greeting(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(HANG))?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// The sum of a metric's series whose text has `part`.
pub(crate) fn metric(text: &str, name: &str, part: &str) -> f64 {
    let series = text.lines().filter(|line| line.starts_with(name) && line.contains(part));
    series.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}
