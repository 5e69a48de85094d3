//! Staff sign-in: passwords, sessions, the one-time sign-in of a fresh desk.

use madoguchi::app::{AppError, NewStaff, Role};

use crate::fakes::TestDesk;

#[tokio::test]
async fn a_fresh_desk_is_opened_once_by_its_one_time_sign_in() {
    let desk = TestDesk::open().await;
    let app = &desk.app;
    let lost = app.first_sign_in().await.expect("stored").expect("nobody can sign in yet");
    let token = app.first_sign_in().await.expect("stored").expect("still nobody");
    assert!(matches!(app.sign_in_once(&lost).await, Err(AppError::WrongSignIn)), "a newer one replaced it");
    let signed_in = app.sign_in_once(&token).await.expect("the first time");
    assert!(signed_in.session.staff.may(Role::Agent) && !signed_in.session.staff.has_password);
    assert!(matches!(app.sign_in_once(&token).await, Err(AppError::WrongSignIn)), "used up");
    assert_eq!(app.set_password(&signed_in.token, "short").await.expect_err("too short").code(), "invalid");
    app.set_password(&signed_in.token, "長い合言葉を使います").await.expect("set");
    assert_eq!(app.first_sign_in().await.expect("asked"), None);
    let by_password = app.sign_in("admin", "長い合言葉を使います").await.expect("the password works");
    assert_ne!(by_password.token, signed_in.token);
}

#[tokio::test]
async fn an_expired_one_time_sign_in_is_refused() {
    let desk = TestDesk::open().await;
    let token = desk.app.first_sign_in().await.expect("stored").expect("fresh");
    desk.wait(desk.app.limits().sign_in_ms);
    assert!(matches!(desk.app.sign_in_once(&token).await, Err(AppError::WrongSignIn)));
}

#[tokio::test]
async fn sessions_end_by_sign_out_time_and_a_new_password() {
    let desk = TestDesk::open().await;
    let app = &desk.app;
    desk.staff("aki", Role::Agent).await;
    for (login, password) in [("aki", "wrong horse"), ("nobody", "correct horse"), ("aki", ""), ("", "")] {
        assert!(
            matches!(app.sign_in(login, password).await, Err(AppError::WrongSignIn)),
            "{login} {password}"
        );
    }
    let one = app.sign_in("aki", "correct horse").await.expect("right");
    let two = app.sign_in("aki", "correct horse").await.expect("right");
    assert_eq!(app.session(&one.token).await.expect("open"), one.session);
    assert_ne!(one.session.csrf, two.session.csrf);
    app.set_password(&one.token, "another horse").await.expect("set");
    assert!(matches!(app.session(&two.token).await, Err(AppError::NotSignedIn)), "ended by the new password");
    app.sign_out(&one.token).await.expect("ended");
    app.sign_out(&one.token).await.expect("twice is fine");
    assert!(matches!(app.session(&one.token).await, Err(AppError::NotSignedIn)));
    let three = app.sign_in("aki", "another horse").await.expect("right");
    desk.wait(app.limits().session_ms);
    assert!(matches!(app.session(&three.token).await, Err(AppError::NotSignedIn)), "expired");
    assert!(app.sweep().await.expect("swept") >= 1);
    let bytes = desk.bytes();
    for secret in [&one.token, &three.token, "another horse"] {
        assert!(
            !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
            "stored in the clear"
        );
    }
}

#[tokio::test]
async fn accounts_are_checked_before_they_are_made() {
    let desk = TestDesk::open().await;
    desk.staff("aki", Role::Agent).await;
    let new = NewStaff {
        login: "x".into(),
        name: String::new(),
        password: "0123456789".into(),
        roles: vec![Role::Agent],
    };
    let cases = [
        (NewStaff { login: "x".into(), ..new.clone() }, "invalid"),
        (NewStaff { login: "あき".into(), ..new.clone() }, "invalid"),
        (NewStaff { login: "ben".into(), roles: Vec::new(), ..new.clone() }, "invalid"),
        (NewStaff { login: "ben".into(), password: "short".into(), ..new.clone() }, "invalid"),
        (NewStaff { login: "AKI".into(), ..new }, "login_taken"),
    ];
    for (new, code) in cases {
        assert_eq!(desk.app.add_staff(new).await.expect_err(code).code(), code);
    }
}
