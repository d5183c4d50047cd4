//! How does weir end? Connections may go on for a while, whether it was told to end or another weir has taken over.

use super::{data_plane::DataPlane, servers::Servers};
use crate::{
    cli::{NodeOptions, WhenTakenOver},
    commands::signals::Signals,
    node::TakenOver,
};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::{info, warn};

/// Time for which handshakes that were under way when another weir took over may still end here: two repetitions of an
/// answer that was lost (tcp(7), RFC 6298).
const HANDSHAKES: Duration = Duration::from_secs(3);

/// Time between two looks at whether the weir that has taken over still runs.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Looks in a row without a weir after which nobody will come: a restart takes less.
const MAX_LOOKS: u32 = 10;

/// Lets connections finish; returns when they have, or at a signal.
pub(super) async fn drain(data_plane: DataPlane, longest: Duration, signals: &mut Signals) {
    tokio::select! {
        drained = data_plane.drain(longest) => match drained.reset {
            0 => info!("all connections have ended"),
            reset => info!("{reset} connections were still open and were reset"),
        },
        reason = signals.another_end() => info!("{reason}: ending at once"),
    }
}

/// What is left to do once another weir has taken over.
#[derive(Clone, Copy, Debug)]
pub(super) struct AfterTakeover {
    then: WhenTakenOver,
}

impl AfterTakeover {
    pub(super) fn new(options: Option<&NodeOptions>) -> Self {
        Self { then: options.map_or(WhenTakenOver::End, |options| options.when_taken_over) }
    }

    /// Lets go of all ports, lets connections finish, and waits for the signal to end if that is wanted.
    pub(super) async fn run(
        self,
        TakenOver { by, released }: TakenOver,
        mut data_plane: DataPlane,
        servers: &Servers,
        longest: Duration,
        signals: &mut Signals,
    ) {
        let by = by.map_or_else(String::new, |by| format!(" ({by})"));
        info!(
            "another weir has taken over{by}: new connections, probes and metrics are that one's; connections here may go on \
             for {longest:?}"
        );
        let started = Instant::now();
        data_plane.give_way().await;
        servers.release().await;
        if let Some(released) = released {
            // The newcomer may be gone; it is too late to take anything back.
            let _ = released.send(());
        }
        let told = async {
            signals.end(async || info!("SIGHUP: ignored, weir is ending")).await;
        };
        // A supervisor that replaces this weir says so while connections still have their time.
        let told = tokio::select! {
            () = told => true,
            () = sleep(HANDSHAKES.min(longest)) => false,
        };
        if told {
            info!("told to end; connections keep their time, another signal ends them");
        }
        let left = longest.saturating_sub(started.elapsed());
        let is_told = Box::pin(self.drain(data_plane, left, told, signals)).await;
        if !is_told && self.then == WhenTakenOver::Wait {
            wait(signals).await;
        }
    }

    /// Lets connections finish; returns whether weir was told to end.
    async fn drain(
        self,
        data_plane: DataPlane,
        longest: Duration,
        mut told: bool,
        signals: &mut Signals,
    ) -> bool {
        let mut draining = std::pin::pin!(data_plane.drain(longest));
        loop {
            tokio::select! {
                drained = &mut draining => {
                    match drained.reset {
                        0 => info!("all connections have ended"),
                        reset => info!("{reset} connections were still open and were reset"),
                    }
                    return told;
                }
                reason = signals.end(async || info!("SIGHUP: ignored, weir is ending")) => {
                    if told {
                        info!("{reason}: ending at once");
                        return true;
                    }
                    info!("{reason}: connections keep their time, another signal ends them");
                    told = true;
                }
            }
        }
    }
}

/// Waits for the signal to end, or until the weir that has taken over is gone.
async fn wait(signals: &mut Signals) {
    info!("waiting for SIGTERM (--when-taken-over=wait)");
    let gone = async {
        let mut look = interval(LOOK_INTERVAL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut without = 0;
        while without < MAX_LOOKS {
            look.tick().await;
            without = if weir_capture::is_running().unwrap_or(true) { 0 } else { without + 1 };
        }
    };
    tokio::select! {
        reason = signals.end(async || info!("SIGHUP: ignored, weir is ending")) => info!("{reason}: ending"),
        () = gone => warn!("the weir that had taken over is gone: ending, so that this one is started again"),
    }
}
