//! The small services beside the provider: shutdown, standard streams, health.

use crate::proto::grpc::health::v1::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus};
use crate::proto::plugin::{Empty, StdioData};
use tokio::sync::watch;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

/// Ends the server.
pub(super) struct Controller(pub(super) watch::Sender<bool>);

#[tonic::async_trait]
impl crate::proto::plugin::grpc_controller_server::GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.send_replace(true);
        Ok(Response::new(Empty {}))
    }
}

/// Standard output and error of this process are pipes the caller drains, so there is nothing to carry here; the stream stays
/// open, because a caller takes its end for the end of the process.
pub(super) struct Stdio(pub(super) watch::Receiver<bool>);

#[tonic::async_trait]
impl crate::proto::plugin::grpc_stdio_server::GrpcStdio for Stdio {
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<BoxStream<StdioData>>, Status> {
        let mut stopped = self.0.clone();
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<StdioData, Status>>(1);
        tokio::spawn(async move {
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => {}
                () = sender.closed() => {}
            }
        });
        Ok(Response::new(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver))))
    }
}

/// Serving as long as it answers.
pub(super) struct Health;

#[tonic::async_trait]
impl crate::proto::grpc::health::v1::health_server::Health for Health {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        match request.get_ref().service.as_str() {
            "" | "plugin" => Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving as i32 })),
            other => Err(Status::not_found(format!("no service {other:?}"))),
        }
    }
}
