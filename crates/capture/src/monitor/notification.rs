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

/// NFNL_SUBSYS_NFTABLES, in the upper byte of a type.
const NFTABLES: u8 = 10;

/// NFT_MSG_NEWGEN, which ends the notifications of a transaction and is about no table.
const NEW_GENERATION: u8 = 15;

/// The attribute that names the table: NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE,
/// NFTA_SET_ELEM_LIST_TABLE and so on are all 1.
const TABLE: u16 = 1;

/// The changes of the tables of this name that a datagram notifies of, of the families in which weir has one.
pub(super) fn changes_of<'a>(datagram: &'a [u8], table: &'a str) -> impl Iterator<Item = TableChange> + 'a {
    Messages(datagram).filter_map(move |message| {
        let [kind, subsystem] = [*message.get(4)?, *message.get(5)?];
        if subsystem != NFTABLES
            || kind == NEW_GENERATION
            || ![NFPROTO_INET, NFPROTO_BRIDGE].contains(message.get(HEADER)?)
        {
            return None;
        }
        let name = Attributes(message.get(HEADER + FAMILY_HEADER..)?).find(|(kind, _)| *kind == TABLE)?.1;
        let name = name.strip_suffix(&[0]).unwrap_or(name);
        (name == table.as_bytes()).then_some(TableChange { sender: number(message.get(12..16)?)? })
    })
}

const NFPROTO_INET: u8 = 1;
const NFPROTO_BRIDGE: u8 = 7;

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
            message(12, NFPROTO_BRIDGE, 12, "weir"),
        ]
        .concat();
        let senders: Vec<u32> = changes_of(&datagram, "weir").map(|change| change.sender).collect();
        assert_eq!(senders, [7, 11, 12]);
    }

    #[test]
    fn no_datagram_however_short_or_wrong_is_read_beyond_its_end() {
        let whole = message(0, NFPROTO_INET, 7, "weir");
        for length in 0..whole.len() {
            let _ = changes_of(&whole[..length], "weir").count();
        }
        for byte in 0..whole.len() {
            for value in [0, 1, 3, 255] {
                let mut wrong = whole.clone();
                wrong[byte] = value;
                let _ = changes_of(&[wrong.clone(), wrong].concat(), "weir").count();
            }
        }
    }
}
