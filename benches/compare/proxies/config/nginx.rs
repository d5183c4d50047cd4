//! How is NGINX configured?

use crate::{
    bed::network::{ECHO, ENDPOINTS, FRONTEND, PORTS},
    proxies::resources::Resources,
    way::Way,
};
use std::{fmt::Write, path::Path};

/// Size of the buffer of each direction, in place of 16 KiB: a quarter of the system calls for bulk.
const BUFFER: &str = "64k";

/// NGINX' configuration in the form of a way; `module` is the file of the stream module, where that is not built in.
///
/// `user root` because a user namespace has no other user.
pub(super) fn text(way: Way, resources: Resources, module: Option<&Path>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    if let Some(module) = module {
        let _ = writeln!(text, "load_module {};", module.display());
    }
    let Resources { cores, descriptors } = resources;
    let _ = writeln!(
        text,
        "user root root;\ndaemon off;\nworker_processes {cores};\nworker_rlimit_nofile {descriptors};\n\
         pid nginx.pid;\nevents {{ worker_connections {descriptors}; accept_mutex off; }}\n\
         stream {{\n  access_log off;\n  tcp_nodelay on;"
    );
    if way.is_tuned() {
        let _ = writeln!(text, "  proxy_buffer_size {BUFFER};");
    }
    // A socket for each worker, so that none wakes another one up in vain.
    let sockets = if way.is_tuned() { " reuseport" } else { "" };
    for port in PORTS {
        let servers: String =
            ENDPOINTS.iter().map(|endpoint| format!(" server {endpoint}:{port} max_fails=0;")).collect();
        let _ = writeln!(
            text,
            "  upstream port{port} {{{servers} }}\n  \
             server {{ listen {FRONTEND}:{port}{sockets}; proxy_pass port{port}; proxy_timeout 1h; }}"
        );
    }
    // Without reuseport the datagrams of one flow would reach several workers, each of which would have a flow of its own.
    // Without proxy_responses a flow keeps its endpoint until the time-out.
    let _ = writeln!(
        text,
        "  server {{ listen {FRONTEND}:{ECHO} udp reuseport; proxy_pass port{ECHO}; proxy_timeout 60s; }}\n}}"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCES: Resources = Resources { cores: 2, descriptors: 20_000 };

    #[test]
    fn every_port_goes_to_both_endpoints_and_the_first_one_over_udp_too() {
        for way in [Way::Nginx, Way::NginxTuned] {
            let text = text(way, RESOURCES, None);
            assert!(text.contains("worker_processes 2;\n"), "{text}");
            for port in PORTS {
                assert!(text.contains(&format!(
                    "upstream port{port} {{ server 10.77.2.2:{port} max_fails=0; server 10.77.2.3:{port} max_fails=0; }}"
                )));
                assert!(text.contains(&format!("listen 10.77.1.1:{port}")), "{text}");
            }
            assert_eq!(text.matches(" udp reuseport;").count(), 1, "{text}");
            assert_eq!(text.matches('{').count(), text.matches('}').count());
        }
    }

    #[test]
    fn only_the_tuned_form_has_a_tcp_socket_for_each_worker_and_large_buffers() {
        let (plain, tuned) = (text(Way::Nginx, RESOURCES, None), text(Way::NginxTuned, RESOURCES, None));
        for port in PORTS {
            assert!(plain.contains(&format!("listen 10.77.1.1:{port};")), "{plain}");
            assert!(tuned.contains(&format!("listen 10.77.1.1:{port} reuseport;")), "{tuned}");
        }
        assert!(tuned.contains("  proxy_buffer_size 64k;\n"), "{tuned}");
        assert!(!plain.contains("buffer"), "{plain}");
    }

    #[test]
    fn a_stream_module_that_is_not_built_in_is_loaded_first() {
        let text = text(Way::Nginx, RESOURCES, Some(Path::new("/modules/stream.so")));
        assert!(text.starts_with("load_module /modules/stream.so;\n"), "{text}");
    }
}
