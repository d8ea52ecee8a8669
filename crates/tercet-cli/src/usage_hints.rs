//! Hints for options in the wrong place: `tercet train --layers …` needs the kind first.

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// The error, with a hint if the option belongs to a subcommand of the command.
pub fn with_hint(mut error: Error, program: &Command, arguments: &[String]) -> Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return error };
    let command = arguments.iter().skip(1).find_map(|argument| program.find_subcommand(argument));
    let Some(command) = command else { return error };
    let has_option = |kind: &Command| {
        let mut options = kind.get_arguments().filter_map(|argument| argument.get_long());
        options.any(|long| option.strip_prefix("--") == Some(long))
    };
    let kinds: Vec<&str> =
        command.get_subcommands().filter(|kind| has_option(kind)).map(Command::get_name).collect();
    let Some(first) = kinds.first() else { return error };
    let (command, option) = (command.get_name(), option.clone());
    let remedy =
        format!("{option} belongs to {}: write `tercet {command} {first} {option} …`", in_words(&kinds));
    error.remove(ContextKind::SuggestedArg);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![remedy.into()]));
    error
}

/// `linear`, `network` and `cnn`.
fn in_words(kinds: &[&str]) -> String {
    let quoted: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::Program;

    fn hint(line: &str) -> String {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut program = Program::command();
        let error = program.try_get_matches_from_mut(&arguments).expect_err("an option too many");
        with_hint(error, &program, &arguments).to_string()
    }

    #[test]
    fn an_option_of_a_kind_without_its_kind_is_told_where_it_belongs() {
        let line = hint("tercet train --layers conv5-8");
        assert!(
            line.contains("--layers belongs to `network` and `cnn`: write `tercet train network --layers …`"),
            "{line}"
        );
        let line = hint("tercet train --lr 0.1");
        assert!(line.contains("--lr belongs to `linear`, `network` and `cnn`"), "{line}");
        assert!(hint("tercet tune --hidden 30").contains("`tercet tune network --hidden …`"));
        // Unknown options are left to the parser.
        assert!(!hint("tercet train --no-such-thing").contains("belongs"));
        assert!(!hint("tercet describe --lr").contains("belongs"));
    }
}
