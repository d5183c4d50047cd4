//! What does a notification of nf_tables say? (linux/netfilter/nf_tables.h, nfnetlink.h)

/// A change of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableChange {
    /// The netlink port of the socket that asked for the change. For `nft` that is its process id.
    pub(super) sender: u32,
}

/// Bytes of nlmsghdr, which nfgenmsg follows.
const HEADER: usize = 16;
/// Bytes of nfgenmsg.
const FAMILY_HEADER: usize = 4;

/// What a datagram notifies of, as far as it matters to weir.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Somebody else has changed the table that was asked about.
    pub(super) foreign: bool,
    /// Tables, chains or rules of IP beside that table have changed.
    pub(super) beside: bool,
}

/// NFNL_SUBSYS_NFTABLES, in the upper byte of a type.
const NFTABLES: u8 = 10;

/// NFT_MSG_NEWGEN, which ends the notifications of a transaction and is about no table.
const NEW_GENERATION: u8 = 15;

/// The attribute that names the table: NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE,
/// NFTA_SET_ELEM_LIST_TABLE and so on are all 1.
const TABLE: u16 = 1;

/// NFT_MSG_DELRULE: messages up to this one are about tables, chains and rules, those after it about sets and other things.
const DELETED_RULE: u8 = 8;

/// Families of tables that packets of IP pass: NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6.
const FAMILIES: [u8; 3] = [NFPROTO_INET, 2, 10];

/// What a datagram notifies of: changes of the `inet` table of this name that the process `own` has not made, and changes
/// of chains and rules beside that table.
pub(super) fn read(datagram: &[u8], table: &str, own: Option<u32>) -> Seen {
    let is_of_ip = |message: &[u8]| match (message.get(4), message.get(5), message.get(HEADER)) {
        (Some(kind), Some(&NFTABLES), Some(family)) => *kind <= DELETED_RULE && FAMILIES.contains(family),
        _ => false,
    };
    let of_ip = Messages(datagram).filter(|message| is_of_ip(message)).count();
    let of_table = Messages(datagram).filter(|message| is_of_ip(message) && is_about(message, table)).count();
    Seen {
        foreign: changes_of(datagram, table).any(|TableChange { sender }| Some(sender) != own),
        beside: of_ip > of_table,
    }
}

fn is_about(message: &[u8], table: &str) -> bool {
    message.get(HEADER) == Some(&NFPROTO_INET) && table_of(message) == Some(table.as_bytes())
}

fn table_of(message: &[u8]) -> Option<&[u8]> {
    let name = Attributes(message.get(HEADER + FAMILY_HEADER..)?).find(|(kind, _)| *kind == TABLE)?.1;
    Some(name.strip_suffix(&[0]).unwrap_or(name))
}

/// The changes of the `inet` table of this name that a datagram notifies of.
fn changes_of<'a>(datagram: &'a [u8], table: &'a str) -> impl Iterator<Item = TableChange> + 'a {
    Messages(datagram).filter_map(move |message| {
        let [kind, subsystem] = [*message.get(4)?, *message.get(5)?];
        if subsystem != NFTABLES || kind == NEW_GENERATION {
            return None;
        }
        is_about(message, table).then_some(TableChange { sender: number(message.get(12..16)?)? })
    })
}

const NFPROTO_INET: u8 = 1;

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// Rounds up to a multiple of 4, at which messages and attributes begin.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = number(self.0.get(..4)?)? as usize;
        let message = self.0.get(..length.max(HEADER))?;
        self.0 = self.0.get(aligned(message.len())..).unwrap_or_default();
        Some(message)
    }
}

struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let length = usize::from(u16::from_ne_bytes(self.0.get(..2)?.try_into().ok()?));
        // The upper two bits are flags.
        let kind = u16::from_ne_bytes(self.0.get(2..4)?.try_into().ok()?) & 0x3fff;
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, family: u8, sender: u32, table: &str) -> Vec<u8> {
        let mut attribute = ((4 + table.len() + 1) as u16).to_ne_bytes().to_vec();
        attribute.extend(TABLE.to_ne_bytes());
        attribute.extend(table.bytes().chain([0]));
        attribute.resize(aligned(attribute.len()), 0);
        let mut message = ((HEADER + FAMILY_HEADER + attribute.len()) as u32).to_ne_bytes().to_vec();
        message.extend([kind, NFTABLES, 0, 0, 0, 0, 0, 0]);
        message.extend(sender.to_ne_bytes());
        message.extend([family, 0, 0, 0]);
        message.extend(attribute);
        message
    }

    #[test]
    fn changes_of_one_table_are_told_with_who_made_them() {
        let datagram = [
            message(0, NFPROTO_INET, 7, "weir"),
            message(12, NFPROTO_INET, 8, "weirdo"),
            message(12, 2, 9, "weir"),
            message(NEW_GENERATION, NFPROTO_INET, 10, "weir"),
            message(12, NFPROTO_INET, 11, "weir"),
        ]
        .concat();
        let senders: Vec<u32> = changes_of(&datagram, "weir").map(|change| change.sender).collect();
        assert_eq!(senders, [7, 11]);
    }

    #[test]
    fn changes_of_chains_beside_the_table_are_told_apart_from_changes_of_it() {
        let seen = |messages: &[Vec<u8>]| read(&messages.concat(), "weir", Some(7));
        let own = message(6, NFPROTO_INET, 7, "weir");
        assert_eq!(seen(std::slice::from_ref(&own)), Seen::default());
        assert_eq!(seen(&[message(6, NFPROTO_INET, 8, "weir")]), Seen { foreign: true, beside: false });
        let beside = Seen { foreign: false, beside: true };
        for family in FAMILIES {
            assert_eq!(seen(&[own.clone(), message(6, family, 8, "filter")]), beside, "{family}");
        }
        assert_eq!(seen(&[message(6, 2, 8, "weir")]), beside, "of the same name in another family");
        // Elements of sets, ARP, and the end of a transaction.
        for other in
            [message(12, 2, 8, "filter"), message(6, 3, 8, "filter"), message(NEW_GENERATION, 0, 8, "")]
        {
            assert_eq!(seen(&[other]), Seen::default());
        }
    }

    #[test]
    fn no_datagram_however_short_or_wrong_is_read_beyond_its_end() {
        let whole = message(0, NFPROTO_INET, 7, "weir");
        for length in 0..whole.len() {
            let _ = read(&whole[..length], "weir", None);
        }
        for byte in 0..whole.len() {
            for value in [0, 1, 3, 255] {
                let mut wrong = whole.clone();
                wrong[byte] = value;
                let _ = read(&[wrong.clone(), wrong].concat(), "weir", None);
            }
        }
    }
}
