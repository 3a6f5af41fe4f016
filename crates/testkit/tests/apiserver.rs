//! The API server starts, answers and goes.

use testkit::apiserver::{ApiServer, POWERLESS_TOKEN};

#[test]
fn it_answers_who_may_ask_and_is_gone_when_dropped() {
    let server = ApiServer::shared().unwrap();
    let answer = server.connect().unwrap().get("/version").unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("gitVersion"), "{}", answer.body);

    let mut nobody = server.connect_with(POWERLESS_TOKEN).unwrap();
    assert_eq!(nobody.get("/api/v1/secrets").unwrap().status, 403);

    assert!(server.kubeconfig().is_file());
    let kubeconfig = server.kubeconfig().to_owned();
    let address = server.address();
    drop(server);
    assert!(!kubeconfig.exists());
    // The kernel takes a moment to bury a killed process.
    let ended = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::net::TcpStream::connect(address).is_err()
    });
    assert!(ended, "the server still listens");
}
