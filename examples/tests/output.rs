//! The examples run, and print what they should.

use std::process::Command;

fn check(program: &str, expected: &str) {
    let directory = tempfile::tempdir().expect("there is room for what it leaves");
    let output = Command::new(program).current_dir(&directory).output();
    let output = output.expect("the example starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn the_bank_account_runs() {
    check(
        env!("CARGO_BIN_EXE_bank-account"),
        "\
Ada deposits 100.
Ada pays Bob 70: Ada has 30, Bob has 70.
Ada's phone sends it again: it was done before, see versions [3, 2].
Ada pays Bob 70 more: rejected, there are only 30.
In the end, Ada has 30, Bob has 70.
Ada last had 50 or more at version 2.
The log has 5 events.
",
    );
}

#[test]
fn the_shopping_cart_runs() {
    check(
        env!("CARGO_BIN_EXE_shopping-cart"),
        "\
Found in the store: 1 tea.
Command 1 left version 2.
Command 2 changed nothing.
Command 3 left version 3.
Command 4 left version 4.
Now in the cart: 4 tea.
At version 2 there were: 2 cup, 1 tea.
Two more cups: rejected, the cart is checked out.
Another process is at version 5 by a snapshot and 1 event.
",
    );
}

#[test]
fn the_loan_book_runs() {
    check(
        env!("CARGO_BIN_EXE_loan-book"),
        "\
The log has 70 events.

30 loans. Open, by stage:
      10 PREACCEPTED

Decided:
      10 APPROVED
      10 DECLINED
Days until then: 0 or less for half of them, 6 or less for nine in ten.

3 resources. The busiest, by events:
      40 112
      20 7
      10 8

loan-12 asked for 12000.
To decline it is rejected: it is approved.

See loan-book.svg for the days that decisions took.
",
    );
}
