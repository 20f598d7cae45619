//! The description of the interface is whole: every route, body, refusal and way to sign in is in it, and its page works from
//! this origin alone.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::world::World;

async fn description(world: &World) -> Value {
    let answer = world.ask(Method::GET, "/api/v1/openapi.json").send().await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    answer.json
}

/// The routes of the router itself, as its own debug output names them.
fn routes_of(world: &World) -> BTreeSet<String> {
    let debug = format!("{:?}", rookery_gateway::router(world.state.clone()));
    let routes: BTreeSet<String> = debug.split('"').filter(|text| text.starts_with('/')).map(str::to_owned).collect();
    assert!(
        routes.contains("/api/v1/rooms/{room}/join") && routes.contains("/ws"),
        "the router names its routes: {routes:?}"
    );
    routes
}

#[tokio::test]
async fn every_route_is_described_and_every_description_answers() {
    let world = World::new().await;
    let description = description(&world).await;
    assert_eq!(description["openapi"], "3.1.0");
    let described: BTreeSet<String> = description["paths"].as_object().unwrap().keys().cloned().collect();
    let mut routes = routes_of(&world);
    // The application's page, wherever it has a route of its own.
    routes.retain(|path| path != "/" && !path.starts_with("/{*"));
    // It lies with the pages, which the router asks where it has no route itself.
    routes.insert("/api/v1/openapi.json".into());
    assert_eq!(described, routes);
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let answer = world.ask(method.clone(), &path.replace("{room}", "abc-defg-hij")).send().await;
            let code = answer.json["code"].as_str().unwrap_or_default();
            assert!(code != "not_found" && code != "method_not_allowed", "{method} {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn operations_say_what_they_take_give_and_refuse() {
    let world = World::new().await;
    let description = description(&world).await;
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{name} has a sentence");
            assert!(operation["operationId"].is_string(), "{name} has an id");
            let responses = operation["responses"].as_object().unwrap();
            if path.starts_with("/api/v1/") && path != "/api/v1/openapi.json" {
                for status in ["429", "500", "503"] {
                    let problem = &responses[status]["content"]["application/problem+json"]["schema"]["$ref"];
                    assert_eq!(problem, "#/components/schemas/Problem", "{name} {status}");
                }
                let takes_body = matches!(method.as_str(), "patch")
                    || ["register", "login", "password", "rooms", "join"]
                        .iter()
                        .any(|end| method == "post" && path.ends_with(end));
                assert_eq!(operation["requestBody"].is_object(), takes_body, "{name}");
                assert_eq!(responses.contains_key("415"), takes_body, "{name}");
                assert_eq!(
                    responses.contains_key("401"),
                    path != "/api/v1/auth/register" && path != "/api/v1/auth/logout",
                    "{name}"
                );
            }
        }
    }
    let schemas = description["components"]["schemas"].as_object().unwrap();
    for schema in [
        "Register",
        "Login",
        "ChangePassword",
        "Session",
        "Me",
        "PatchMe",
        "CreateRoom",
        "PatchRoom",
        "Room",
        "RoomList",
        "Join",
        "JoinAnswer",
        "WsTicket",
        "Messages",
        "Problem",
        "ErrorCode",
        "FieldProblem",
    ] {
        assert!(schemas.contains_key(schema), "{schema}");
    }
    let schemes = &description["components"]["securitySchemes"];
    assert_eq!(schemes["bearer"]["scheme"], "bearer");
    assert_eq!((&schemes["refreshCookie"]["in"], &schemes["csrf"]["in"]), (&"cookie".into(), &"header".into()));
    let text = description.to_string();
    for reference in text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let schema = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(schema), "{reference} leads somewhere");
    }
}

#[tokio::test]
async fn the_page_is_whole_and_names_no_other_origin() {
    let world = World::new().await;
    let redirect = world.ask(Method::GET, "/docs").send().await;
    assert_eq!((redirect.status.as_u16(), redirect.header("location")), (303, "/docs/"));
    let page = world.ask(Method::GET, "/docs/").send().await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{}", page.text);
    let mut files = 0;
    for attribute in ["src=\"", "href=\""] {
        for file in page.text.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let answer = world.ask(Method::GET, &format!("/docs/{}", file.trim_start_matches("./"))).send().await;
            assert_eq!(answer.status, 200, "{file}");
            files += 1;
        }
    }
    assert!(files >= 5, "{}", page.text);
    for script in page.text.split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(tag.contains("src=") && rest.trim_start().starts_with("</script>"), "no script in the page itself");
    }
    assert!(!page.text.contains("<style") && !page.text.contains(" onload="), "{}", page.text);
    let start = world.ask(Method::GET, "/docs/swagger-initializer.js").send().await;
    assert!(start.text.contains("/api/v1/openapi.json") && start.text.contains("X-Rookery-Csrf"));
    let problems = world.ask(Method::GET, "/docs/problems").send().await;
    for code in rookery_schemas::error::ErrorCode::ALL {
        assert!(problems.text.contains(&format!("id=\"{code}\"")), "{code}");
    }
}
