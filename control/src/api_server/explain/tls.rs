//! Why is there no trusted connection to the API server, in words for an operator?

use crate::api_server::client::is_authority_as_server;
use rustls::{AlertDescription as Alert, CertificateError};

/// Reason why there is no connection by TLS.
pub(super) fn words(error: &rustls::Error) -> String {
    use CertificateError as Certificate;
    match error {
        // BadSignature: another authority of the same name, as after a cluster was set up anew.
        rustls::Error::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => {
            "its certificate is from an authority we do not know; check certificate-authority in the kubeconfig (a \
             server's own certificate there is trusted only as long as the server shows it)"
                .into()
        }
        rustls::Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            "its certificate has expired".into()
        }
        rustls::Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => "its certificate is not for this name or address; use one that it names, or set \
              tls-server-name in the kubeconfig"
            .into(),
        rustls::Error::InvalidCertificate(Certificate::Other(other)) if is_authority_as_server(other) => {
            "its certificate is that of an authority (CA:TRUE), which is trusted as a server's only if \
             certificate-authority in the kubeconfig names exactly it"
                .into()
        }
        rustls::Error::AlertReceived(alert) if is_about_us(*alert) => {
            format!("the server does not accept our client certificate ({alert:?}); check client-certificate")
        }
        rustls::Error::InvalidMessage(_) => {
            format!("what answers there does not speak TLS ({error}); is it another port, or http://?")
        }
        other => other.to_string(),
    }
}

/// Whether a server's alert is about the certificate that weir has shown, or has not.
fn is_about_us(alert: Alert) -> bool {
    matches!(
        alert,
        Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::CertificateRequired
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
    )
}
