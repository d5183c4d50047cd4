//! What does the help of each command say after its flags?

pub(super) const EXAMPLES: &str = "\
Examples:
  weir demo                                             see it work, with nothing else needed
  weir run --kubeconfig ~/.kube/config --map loopback   reach a cluster's Services from here
  weir run --manifests ./manifests                      serve what files say
  weir resolve --manifests ./manifests                  print what would be served

'weir run --help' explains every flag.";

pub(super) const RUN_NOTES: &str = "\
Instead of --drain-timeout 25s you can set WEIR_DRAIN_TIMEOUT=25s, or write 'drain-timeout: 25s' into the --config file; \
so for each flag. Flags override variables, variables override the file.

SIGTERM and SIGINT let connections finish and end weir, a second one ends it at once. SIGHUP reads the --config file and the \
credentials again, and opens the connection log again. Exit codes: 0 ended by a signal, 1 failed, 2 wrong usage.

Examples:
  weir run --kubeconfig ~/.kube/config --map loopback
  weir run --manifests ./manifests --service-proxy-name weir
  weir run --mode node --kubeconfig weir.conf --cluster-cidr 10.244.0.0/16";

pub(super) const RESOLVE_NOTES: &str = "\
What is wrong goes to standard error. 'error' is an object, a document or a file that is lost, which makes the exit code 1; \
'warning' is what would be served in part, or not as it is written: with --strict these make the exit code 1, too, and so \
does an object of a kind that weir reads which would not be served (headless, for another proxy). Endpoints that are not \
ready, on other nodes or not there yet are no problem.

Examples:
  weir resolve --manifests ./manifests --strict         to check manifests in CI
  weir resolve --kubeconfig ~/.kube/config              what a node would serve
  weir resolve --manifests ./manifests --map loopback   and at which addresses";

pub(super) const EXPLAIN_NOTES: &str = "\
Without --manifests, --kubeconfig, --context or --api-server the weir that runs on this host is asked, which also knows which \
endpoints it has ejected or filled, and the odds of the next pick.

By objects the answer is for weir in node mode; with --map loopback for 'weir run --map loopback' on this host. Verdicts: ACCEPT (one \
of the eligible endpoints), REJECT (a refusal), DROP (silence), NONE (no address of a Service: the host's own rules decide). \
For each endpoint SOURCE says whether it would see the client's address (kept) or the node's (replaced).

With --flows each line that is not blank gets one line: {\"verdict\":\"REJECT\"} and so on, for ACCEPT also the endpoints: \
\"masq\" with the source replaced, \"plain\" with the source kept. A line that cannot be read gets {\"error\":\"...\"} and \
makes the exit code 1.

Examples:
  weir explain svc/web -n shop --from 10.244.1.7
  weir explain 10.96.0.10:80/TCP
  weir explain --manifests ./manifests --cluster-cidr 10.244.0.0/16 \\
      --from 10.244.1.7 --to 10.96.0.10:80/TCP
  weir explain --kubeconfig ~/.kube/config --node-name node-a \\
      --from 10.244.1.7 --to 10.96.0.10:80/TCP
  kubectl get services,endpointslices,nodes -A -o yaml |
      weir explain --manifests - --node-name node-a \\
      --from 203.0.113.9 --to 192.168.0.2:30080/TCP";

pub(super) const STATUS_NOTES: &str = "\
What is wrong right now comes first: Services that no client or not every client gets to, with the reason. The exit code is 0 \
if weir answers, whatever is wrong; 1 if none runs here.

Examples:
  weir status                                           the weir of this host
  kubectl -n kube-system exec POD -- weir status        that of a node
  weir status -n shop -o json                           for programs";

pub(super) const CONNS_NOTES: &str = "\
Live connections come with the oldest first, closed ones with the newest first: weir remembers the last 4,096, and why they \
ended. More columns with -o wide.

Examples:
  weir conns svc/web -n shop                            who is connected to a Service
  weir conns --client 10.244.1.0/24 --older 10m         old connections of a node's pods
  weir conns --endpoint 10.244.2.3:8080 -w              follow those of an endpoint
  weir conns --state closed --reason endpoint_reset     what endpoints have reset";

pub(super) const ENDPOINTS_NOTES: &str = "\
An endpoint of several Service ports has a line for each. More columns with -o wide.

Examples:
  weir endpoints --state ejected                        which endpoints are out, and why
  weir endpoints svc/web -n shop -o wide                those of a Service, with times and retransmits";

pub(super) const EVENTS_NOTES: &str = "\
weir remembers the last 1,024.

Examples:
  weir events svc/web -n shop                           what happened to a Service
  weir events --type EndpointEjected -w                 follow endpoints that fail";

pub(super) const LOG_LEVEL_NOTES: &str = "\
Examples:
  weir log-level                                        the filter that is set
  weir log-level warn,weir_proxy=debug --for 10m        more lines for a while";

pub(super) const DRAIN_NOTES: &str = "\
It lasts until 'weir undrain', over a restart where there is a --state-dir.

Examples:
  weir drain 10.244.2.3:8080                            one endpoint
  weir drain node-b                                     every endpoint on a node
  weir conns --node node-b                              what is still there";

pub(super) const WEIGHT_NOTES: &str = "\
Examples:
  weir weight 10.244.2.3:8080 10                        a tenth of what others get
  weir weight 10.244.2.3:8080 default                   that of the EndpointSlice again";

pub(super) const KILL_NOTES: &str = "\
Examples:
  weir kill 0-4711                                      one connection, by its id in weir conns -o wide
  weir kill svc/web -n shop --older 1h                  old connections of a Service
  weir kill --client 10.244.1.0/24                      those of a network's clients";

pub(super) const DOCTOR_NOTES: &str = "\
Each line is ok, warn (it works, but mind this) or fail (node mode would not work). The exit code is 1 if anything failed. \
Run it as weir will run: as root, with the network of the host, and with the flags of 'weir run' that it knows. Their WEIR_* \
variables count, too, as in weir's Pod. It changes nothing, and asks the API server for no more than weir does.

Examples:
  weir doctor --kubeconfig weir.conf --cluster-cidr 10.244.0.0/16
  kubectl -n kube-system exec POD -- weir doctor";

pub(super) const COMPLETION_NOTES: &str = "\
The script asks weir itself for words whenever the Tab key is pressed. Load it anew in each shell, so that it is always that \
of the weir that is installed.

Examples:
  source <(weir completion bash)          in ~/.bashrc
  source <(weir completion zsh)           in ~/.zshrc, after compinit
  weir completion fish | source           in ~/.config/fish/config.fish";

pub(super) const MAN_NOTES: &str = "\
Examples:
  weir man run | man -l -                            read a page
  weir man --dir /usr/local/share/man/man1           install all pages, for 'man weir-run'";

pub(super) const TOP_NOTES: &str = "\
What is wrong comes first. '?' shows the keys, 'q' ends.

Examples:
  weir top                                              everything that this node serves
  weir top -n shop                                      one namespace
  kubectl -n kube-system exec -it POD -- weir top       in weir's Pod";
