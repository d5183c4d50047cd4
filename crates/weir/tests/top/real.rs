//! Does it show a weir that really runs, pane by pane, until that is killed?

use crate::{
    common::{HANG, Weir, free, manifest},
    terminal::Terminal,
};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
};
use weir_testkit::{Behaviour, OwnThread, TcpServer};

#[test]
fn a_real_weir_is_shown_with_its_connections_and_called_stale_when_it_is_killed() {
    let echo =
        OwnThread::start(|| TcpServer::start("127.0.0.2:0".parse().unwrap(), Behaviour::Echo)).unwrap();
    let web = free(Ipv4Addr::new(127, 0, 0, 9));
    let weir = Weir::ready(&manifest(web, &[echo.address()]), &[]);
    let socket = weir.admin_socket().display().to_string();
    let mut terminal = Terminal::start((120, 40), &["--socket", &socket]);
    terminal.wait_for(&format!("default/web:{}/TCP", web.port()));
    terminal.wait_for("nothing is wrong");
    let mut client = TcpStream::connect(web).unwrap();
    client.set_read_timeout(Some(HANG)).unwrap();
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    let address = client.local_addr().unwrap().to_string();
    terminal.press("2");
    terminal.wait_for(&echo.address().to_string());
    terminal.wait_for("100%");
    terminal.press("3");
    terminal.wait_for(&address);
    for (keys, expected) in [("s", "by bytes"), ("s", "by idle"), ("s", "by duration"), ("S", "by -duration")]
    {
        terminal.press(keys);
        terminal.wait_for(expected);
        terminal.wait_for(&address);
    }
    terminal.press("/127.0.0.0/8 older=0s\r");
    let is_filtered = |lines: &[String]| {
        let screen = lines.concat();
        ["/127.0.0.0/8 older=0s  by", "1 of 1", &address].iter().all(|part| screen.contains(part))
    };
    terminal.wait_until("the filtered list", is_filtered);
    terminal.press("\r");
    terminal.wait_for("openedAt");
    drop(client);
    terminal.wait_for("finished");
    terminal.press("\u{1b}");
    terminal.wait_for("none that the filter lets through");
    terminal.press("cc");
    terminal.wait_for("UDP flows");
    terminal.press("4");
    terminal.wait_for("SEVERITY");
    terminal.press("1\r");
    terminal.wait_for("Endpoints, by state");
    terminal.wait_for(&echo.address().to_string());
    drop(weir);
    terminal.wait_for("STALE since");
    terminal.press("q");
    assert_eq!(terminal.ended().code(), Some(0));
}
