//! `chartroom witness`: cosigns the checkpoints of other machines' logs, as long as they only grow.

use super::serve::told_to_stop;
use crate::cli::WitnessArgs;
use crate::config::Config;
use crate::stop::Stop;
use base::clock::Clock;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use vault::log::checkpoint::VerifierKey;
use vault::log::witness::folder::WitnessFolder;

/// Away from the server's own port, so that both can be tried on one machine.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

/// Serves `POST /add-checkpoint` (C2SP tlog-witness) until it is told to stop.
pub fn witness(config: &Config, args: &WitnessArgs) -> Result<(), Stop> {
    let what = "The witness was not started.";
    let keys: Option<Vec<VerifierKey>> = args.log.iter().map(|key| VerifierKey::parse(key)).collect();
    let Some(keys) = keys.filter(|keys| keys.iter().all(|key| !key.is_witness())) else {
        return Err(Stop::cannot(what, "a log's key is not one", "copy it from `chartroom log key`: name+hash+base64"));
    };
    let folder =
        WitnessFolder::open(&config.data, &args.name, keys, Clock::System).map_err(|e| Stop::vault(what, e))?;
    let runtime = Runtime::new().map_err(|e| Stop::cannot(what, e, "run `chartroom doctor`"))?;
    let address = args.listen.unwrap_or(LISTEN);
    runtime.block_on(async {
        let taken = |e| Stop::cannot(what, format!("{address}: {e}"), "choose another address with --listen ADDR:PORT");
        let listener = TcpListener::bind(address).await.map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        println!("A witness of {} logs listens at http://{address}/add-checkpoint", args.log.len());
        println!("key    {}", folder.verifier());
        println!(
            "next, at the log: chartroom log request | curl -s --data-binary @- http://{address}/add-checkpoint \\"
        );
        println!("                    | chartroom log cosign --witness '{}'", folder.verifier());
        let stop = told_to_stop().map_err(|e| Stop::cannot(what, e, "run `chartroom doctor`"))?;
        web::serve_witness(folder, listener, stop).await;
        Ok(())
    })
}
