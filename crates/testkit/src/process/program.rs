//! How does a test start a program, see what it says, and end it?

use super::{environment::without_test_settings, patience::HANG};
use std::{
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

/// Time until a program is looked at again that has not ended.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// A running program. Killed when dropped; what it said is printed if the test fails.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
    /// Lines of its standard output, unless these go to the log.
    lines: Option<Receiver<String>>,
}

impl Program {
    /// Starts a command; all that it prints goes to its log.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command) -> io::Result<Self> {
        let (log, file) = new_log(name)?;
        let started = file.try_clone().and_then(|output| {
            command.stdin(Stdio::null()).stdout(output).stderr(file);
            spawn(command)
        });
        Self::of(name, log, started)
    }

    /// Starts a command whose standard output is read [line by line](Self::line); what it prints to standard error goes to
    /// its log. Its standard input stays open, and nothing comes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn piped(name: &str, command: &mut Command) -> io::Result<Self> {
        let (log, file) = new_log(name)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let mut program = Self::of(name, log, spawn(command))?;
        program.lines = program.child.stdout.take().map(lines);
        Ok(program)
    }

    fn of(name: &str, log: PathBuf, started: io::Result<Child>) -> io::Result<Self> {
        match started {
            Ok(child) => Ok(Self { name: name.to_owned(), child, log, lines: None }),
            Err(error) => {
                let _ = fs::remove_file(&log);
                Err(error)
            }
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that went to its log so far.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn log(&self) -> io::Result<String> {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The next line of its standard output; `None` when there are no more.
    ///
    /// # Errors
    /// `TimedOut` after [`HANG`], and always for a program whose output goes to its log.
    pub fn line(&self) -> io::Result<Option<String>> {
        let unread = || io::Error::other(format!("the output of {} is not read", self.name));
        match self.lines.as_ref().ok_or_else(unread)?.recv_timeout(HANG) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(self.late("prints nothing")),
        }
    }

    /// Reads its standard output no more: the program finds it closed.
    pub fn stop_reading(&mut self) {
        self.lines = None;
    }

    /// Sends it a signal, as in `TERM`.
    ///
    /// # Errors
    /// When there is no such process or signal.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        kill(name, &self.id().to_string())
    }

    /// Sends a signal to its whole process group, as a terminal does at Ctrl-C. It has to be the group's leader.
    ///
    /// # Errors
    /// When it leads no group, or there is no such signal.
    pub fn signal_group(&self, name: &str) -> io::Result<()> {
        kill(name, &format!("-{}", self.id()))
    }

    /// Kills it (`kill -9`) and waits for its end.
    ///
    /// # Errors
    /// When the system does not let it be killed.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        self.child.try_wait().map(|status| status.is_some())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// `TimedOut` after [`HANG`].
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if start.elapsed() > HANG {
                return Err(self.late("still runs"));
            }
            // Nothing tells when another process ends, unless all children are waited for.
            thread::park_timeout(BETWEEN_LOOKS);
        }
    }

    fn late(&self, what: &str) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, format!("{} {what} after {HANG:?}", self.name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.kill();
        if thread::panicking() {
            // Past the harness's capture of other threads' output; nobody to tell is no reason to panic twice.
            let said = self.log().unwrap_or_default();
            let _ = writeln!(io::stderr(), "--- {} said:\n{said}--- end of {}", self.name, self.name);
        }
        let _ = fs::remove_file(&self.log);
    }
}

fn new_log(name: &str) -> io::Result<(PathBuf, File)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let log = env::temp_dir().join(format!("weir-{}-{number}-{name}.log", std::process::id()));
    let file = File::create(&log)?;
    Ok((log, file))
}

fn kill(name: &str, process: &str) -> io::Result<()> {
    let status = Command::new("kill").args([&format!("-{name}"), "--", process]).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill -{name} {process}: {status}"))) }
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    without_test_settings(command)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{command:?}: {error}")))
}

/// Reads lines on a thread of its own, until there are no more or nobody wants them.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    let mut read = BufReader::new(output).lines().map_while(Result::ok);
    thread::spawn(move || read.try_for_each(|line| sender.send(line)));
    lines
}
