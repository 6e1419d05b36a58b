//! A shopping cart whose events have changed over the years, with snapshots and a look into its past.
//!
//! `cargo run -p factlog-examples --bin shopping-cart`

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use factlog::codec::{Json, Upcast};
use factlog::decider::{
    CommandId, Decider, ExecuteError, Executor, Moment, Options, SnapshotPolicy, Snapshots,
};
use factlog::{Event, EventId, Expected, Memory, Store, StoreExt, StreamName, Version};
use serde::{Deserialize, Serialize};

/// The rules of a cart.
struct Cart;

#[derive(Serialize, Deserialize)]
enum CartEvent {
    ItemAdded { sku: String, count: u32 },
    ItemRemoved { sku: String },
    CheckedOut,
}

enum CartCommand {
    Add { sku: &'static str, count: u32 },
    Remove { sku: &'static str },
    CheckOut,
}

/// How many of what is in the cart, and whether it was bought.
#[derive(Clone, Default, Serialize, Deserialize)]
struct CartState {
    items: BTreeMap<String, u32>,
    checked_out: bool,
}

impl Decider for Cart {
    type State = CartState;
    type Command = CartCommand;
    type Event = CartEvent;
    type Error = &'static str;

    fn initial(&self) -> CartState {
        CartState::default()
    }

    fn evolve(&self, mut cart: CartState, event: &CartEvent) -> CartState {
        match event {
            CartEvent::ItemAdded { sku, count } => {
                *cart.items.entry(sku.clone()).or_default() += count;
            }
            CartEvent::ItemRemoved { sku } => drop(cart.items.remove(sku)),
            CartEvent::CheckedOut => cart.checked_out = true,
        }
        cart
    }

    fn decide(
        &self,
        cart: &CartState,
        command: &CartCommand,
    ) -> Result<Vec<CartEvent>, &'static str> {
        match *command {
            _ if cart.checked_out => Err("the cart is checked out"),
            CartCommand::Add { sku, count } => {
                Ok(vec![CartEvent::ItemAdded { sku: sku.into(), count }])
            }
            // What is not there need not be removed: no event.
            CartCommand::Remove { sku } if !cart.items.contains_key(sku) => Ok(vec![]),
            CartCommand::Remove { sku } => Ok(vec![CartEvent::ItemRemoved { sku: sku.into() }]),
            CartCommand::CheckOut if cart.items.is_empty() => Err("the cart is empty"),
            CartCommand::CheckOut => Ok(vec![CartEvent::CheckedOut]),
        }
    }
}

/// In version 1 of the schema an article was an `item`, and always one.
fn codec() -> Json<CartEvent> {
    let to_version_2 = Upcast::new()
        .rename_type("Added", "ItemAdded")
        .rename_field("ItemAdded", "item", "sku")
        .fill("ItemAdded", "count", 1);
    Json::new().upcast(to_version_2)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let memory = Memory::default();
    let state = Arc::new(memory.state());
    let store: Arc<dyn Store> = Arc::new(memory);
    let cart = StreamName::new("cart-7")?;

    // Years ago:
    let old = Event::new(EventId::from_u128(1), "Added".parse()?, r#"{"item":"tea"}"#);
    store.append_to(&cart, Expected::NoStream, vec![old]).await?;

    // A snapshot every 2 events, so that there is one to see; 100 would be more like it. A server
    // spawns `snapshotter.run()` when it starts.
    let policy = SnapshotPolicy::EveryEvents(2);
    let (snapshots, mut snapshotter) = Snapshots::new(state, "cart", 1, policy)?;
    let process = || {
        let options = Options::default().with_snapshots(snapshots.clone());
        Executor::new(Arc::clone(&store), Cart, codec(), options)
    };
    let carts = process();
    println!("Found in the store: {}.", told(&carts.state(&cart).await?.state));

    let commands = [
        CartCommand::Add { sku: "cup", count: 2 },
        CartCommand::Remove { sku: "spoon" },
        CartCommand::Add { sku: "tea", count: 3 },
        CartCommand::Remove { sku: "cup" },
    ];
    for (id, command) in (1..).zip(&commands) {
        let executed = carts.execute(&cart, CommandId::from_u128(id), command).await?;
        match executed.left.first() {
            Some(left) => println!("Command {id} left version {}.", left.last),
            None => println!("Command {id} changed nothing."),
        }
    }
    println!("Now in the cart: {}.", told(&carts.state(&cart).await?.state));
    let before = carts.state_at(&cart, Moment::Version(Version::new(2))).await?;
    println!("At version 2 there were: {}.", told(&before.state));

    carts.execute(&cart, CommandId::from_u128(5), &CartCommand::CheckOut).await?;
    match carts.execute(&cart, CommandId::from_u128(6), &commands[0]).await {
        Err(ExecuteError::Rejected(why)) => println!("Two more cups: rejected, {why}."),
        other => return Err(format!("a rejection was expected, not {other:?}").into()),
    }

    snapshotter.write_waiting().await;
    let another = process();
    let version = another.state(&cart).await?.version;
    let loaded = another.metrics().events_loaded;
    println!("Another process is at version {version} by a snapshot and {loaded} event.");
    Ok(())
}

fn told(cart: &CartState) -> String {
    let items: Vec<_> = cart.items.iter().map(|(sku, count)| format!("{count} {sku}")).collect();
    items.join(", ")
}
