//! How does the kernel drop packets from sources that a socket must not serve? As a classic BPF program (pure).
//!
//! A socket that is closed refuses; a connection that is accepted and then reset looks open to a health check. A filter
//! on the listening socket drops the first packet, which is the verdict DROP (semantics N3, A5), and needs no
//! privilege. See Documentation/networking/filter.rst of the Linux kernel.

use ipnet::IpNet;
use socket2::SockFilter;
use std::net::IpAddr;

/// Instructions of a program that the kernel takes at most (BPF_MAXINSNS).
const MAX_INSTRUCTIONS: usize = 4096;

/// Loads a word of the packet into the accumulator.
const LOAD: u16 = 0x20;
/// Masks the accumulator.
const AND: u16 = 0x54;
/// Skips `if_true` instructions if the accumulator equals the value, else `if_false`.
const JUMP_IF_EQUAL: u16 = 0x15;
/// Ends the program with the number of bytes of the packet to keep.
const RETURN: u16 = 0x06;

/// Offsets from here count from the start of the network header (SKF_NET_OFF).
const NETWORK_HEADER: u32 = 0xfff0_0000;
const SOURCE_V4: u32 = NETWORK_HEADER + 12;
const SOURCE_V6: u32 = NETWORK_HEADER + 8;

const KEEP: u32 = u32::MAX;
const DROP: u32 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

/// Builds a BPF program that keeps only packets from `sources`; `v4` selects the IP family. `None` if it would be too
/// long for the kernel; the caller has to check each connection then.
pub(crate) fn program(sources: &[IpNet], v4: bool) -> Option<Vec<SockFilter>> {
    let instructions = instructions(sources, v4);
    let convert = |i: &Instruction| SockFilter::new(i.code, i.if_true, i.if_false, i.value);
    (instructions.len() <= MAX_INSTRUCTIONS).then(|| instructions.iter().map(convert).collect())
}

fn instructions(sources: &[IpNet], v4: bool) -> Vec<Instruction> {
    let of_family = sources.iter().filter(|net| net.addr().is_ipv4() == v4);
    let mut program: Vec<Instruction> = of_family.flat_map(keep).collect();
    program.push(plain(RETURN, DROP));
    program
}

/// Instructions that keep packets from one network, and else go on behind.
fn keep(net: &IpNet) -> Vec<Instruction> {
    let (start, network, mask) = match (net.network(), net.netmask()) {
        (IpAddr::V4(network), IpAddr::V4(mask)) => {
            (SOURCE_V4, words(&network.octets()), words(&mask.octets()))
        }
        (IpAddr::V6(network), IpAddr::V6(mask)) => {
            (SOURCE_V6, words(&network.octets()), words(&mask.octets()))
        }
        _ => return Vec::new(),
    };
    // Words that the mask does not cover need no look.
    let used = mask.iter().take_while(|&&mask| mask != 0).count();
    let mut program = Vec::with_capacity(3 * used + 1);
    for (index, (network, mask)) in (0u32..).zip(network.iter().zip(&mask)).take(used) {
        program.push(plain(LOAD, start + 4 * index));
        program.push(plain(AND, *mask));
        let behind = 3 * (used - 1 - index as usize) + 1;
        program.push(Instruction {
            code: JUMP_IF_EQUAL,
            if_true: 0,
            if_false: behind as u8,
            value: *network,
        });
    }
    program.push(plain(RETURN, KEEP));
    program
}

fn plain(code: u16, value: u32) -> Instruction {
    Instruction { code, if_true: 0, if_false: 0, value }
}

fn words(octets: &[u8]) -> Vec<u32> {
    octets
        .chunks_exact(4)
        .map(|word| word.iter().fold(0, |word, &octet| word << 8 | u32::from(octet)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// Whether the kernel keeps a packet from `source`.
    fn keeps(program: &[Instruction], source: IpAddr) -> bool {
        let octets = match source {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let start = if source.is_ipv4() { SOURCE_V4 } else { SOURCE_V6 };
        let (mut next, mut accumulator) = (0, 0);
        loop {
            let Instruction { code, if_true, if_false, value } = program[next];
            next += 1;
            match code {
                LOAD => accumulator = words(&octets)[(value - start) as usize / 4],
                AND => accumulator &= value,
                JUMP_IF_EQUAL => next += usize::from(if accumulator == value { if_true } else { if_false }),
                RETURN => return value != DROP,
                _ => unreachable!(),
            }
        }
    }

    fn v4_net() -> impl Strategy<Value = IpNet> {
        (any::<u32>(), 0u8..=32)
            .prop_map(|(ip, length)| IpNet::new(Ipv4Addr::from(ip & 0x0303_0303).into(), length).unwrap())
    }

    fn v6_net() -> impl Strategy<Value = IpNet> {
        let bits = 0x0300_0000_0000_0003_0000_0003_0000_0003;
        (any::<u128>(), 0u8..=128)
            .prop_map(move |(ip, length)| IpNet::new(Ipv6Addr::from(ip & bits).into(), length).unwrap())
    }

    proptest! {
        #[test]
        fn exactly_the_given_sources_are_kept(
            nets in prop::collection::vec(prop_oneof![v4_net(), v6_net()], 0..6),
            v4: u32,
            v6: u128,
        ) {
            let v4 = IpAddr::V4(Ipv4Addr::from(v4 & 0x0303_0303));
            let v6 = IpAddr::V6(Ipv6Addr::from(v6 & 0x0300_0000_0000_0003_0000_0003_0000_0003));
            for source in [v4, v6] {
                let expected = nets.iter().any(|net| net.contains(&source));
                prop_assert_eq!(keeps(&instructions(&nets, source.is_ipv4()), source), expected, "{}", source);
            }
        }
    }

    #[test]
    fn a_list_that_is_too_long_for_the_kernel_gives_no_program() {
        let nets = |count: u32| (0..count).map(|ip| IpNet::from(IpAddr::V4(ip.into()))).collect::<Vec<_>>();
        assert!(program(&nets(1000), true).is_some());
        assert!(program(&nets(2000), true).is_none());
    }
}
