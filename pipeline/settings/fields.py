"""The settings of the agents and the client commands: each with its type, its bounds, its default and a description."""

from __future__ import annotations

from pathlib import Path

from pydantic import ConfigDict, Field, SecretStr

from pipeline.settings.checks import (
    Brokers,
    CandidatePromptName,
    ConstraintName,
    Device,
    HeaderNames,
    Languages,
    LlmUrl,
    LogLevel,
    MentionsName,
    PostFormatName,
    SelectionName,
    TemplateName,
    TlsFile,
    Topic,
)
from pipeline.settings.sasl import MskRegion, SaslMechanism, TokenCommand, TokenExtensions, TokenUrl
from pipeline.settings.source_fields import SourceSettings


class Settings(SourceSettings):
    """Settings of `tocsin annotate`, `tocsin alert` and the client commands, checked and immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    brokers: Brokers = Field("127.0.0.1:9092", description="Kafka bootstrap servers, HOST:PORT[,...]")
    topic_posts: Topic = Field("posts", description="topic to which users produce posts")
    topic_annotated: Topic = Field(
        "posts.annotated", description="topic between the annotate and the alert agent"
    )
    topic_alerts: Topic = Field("alerts", description="topic of alerts")
    topic_abstained: Topic = Field("alerts.abstained", description="topic of posts without an alert")
    topic_dead: Topic = Field("posts.dead", description="topic of records that could not be processed")
    topic_cursors: Topic = Field(
        "posts.cursors", description="compacted topic in which `tocsin source` keeps how far it has read"
    )
    topic_partitions: int = Field(
        4,
        ge=1,
        le=10_000,
        description="partitions of topics that an agent creates; bounds how many agents of a kind work at once",
    )
    topic_replication: int = Field(1, ge=1, le=32, description="replicas of topics that an agent creates")
    producer_idempotence: bool = Field(
        True, description="whether the broker drops what a retry sends twice; false if the broker cannot"
    )
    kafka_tls: bool = Field(False, description="whether to speak TLS with the brokers")
    kafka_ca_file: TlsFile = Field(
        None,
        description="PEM file of the authority that signed the brokers' certificates; unset: the system's",
    )
    kafka_certificate_file: TlsFile = Field(
        None, description="PEM file of our own certificate, if the brokers ask for one"
    )
    kafka_key_file: TlsFile = Field(
        None,
        description="PEM file of our certificate's key, not encrypted; unset: the key is in the certificate's file",
    )
    kafka_verify_hostname: bool = Field(
        True, description="whether the brokers' certificates must be for the names in TOCSIN_BROKERS"
    )
    kafka_username: str | None = Field(None, description="user name for SASL")
    kafka_password: SecretStr | None = Field(None, description="password for SASL")
    kafka_password_file: Path | None = Field(
        None,
        description="file that holds the password, instead of TOCSIN_KAFKA_PASSWORD (a Docker or Kubernetes secret)",
    )
    kafka_token_file: Path | None = Field(
        None,
        description="file that holds the token, read for each connection (a projected token of Kubernetes)",
    )
    kafka_token_command: TokenCommand = Field(
        None,
        description="program, with its arguments, that prints a token; run without a shell, before each token expires",
    )
    kafka_token_url: TokenUrl = Field(
        None, description="OIDC token endpoint that issues a token to a client (client credentials)"
    )
    kafka_token_client_id: str | None = Field(None, description="our client id at that endpoint")
    kafka_token_client_secret: SecretStr | None = Field(None, description="our secret at that endpoint")
    kafka_token_client_secret_file: Path | None = Field(
        None, description="file that holds the secret, instead of TOCSIN_KAFKA_TOKEN_CLIENT_SECRET"
    )
    kafka_token_scope: str | None = Field(
        None, description="scope to ask for at that endpoint, if it needs one"
    )
    kafka_token_ca_file: Path | None = Field(
        None,
        description="PEM file of the authority that signed that endpoint's certificate; unset: the system's",
    )
    kafka_msk_region: MskRegion = Field(
        None, description="AWS region of an Amazon MSK cluster with IAM; needs `pip install tocsin[msk]`"
    )
    kafka_token_extensions: TokenExtensions = Field(
        None,
        description="NAME=VALUE[ NAME=VALUE...] sent with tokens; Confluent Cloud needs logicalCluster, identityPoolId",
    )
    kafka_sasl_mechanism: SaslMechanism = Field(
        None, description="mechanism of the login; unset: no login by SASL"
    )

    carry_headers: HeaderNames | None = Field(
        None, description="names of further record headers that travel to every outcome, separated by commas"
    )
    annotate_group: str = Field(
        "tocsin-annotate", min_length=1, description="consumer group of `tocsin annotate`"
    )
    alert_group: str = Field("tocsin-alert", min_length=1, description="consumer group of `tocsin alert`")
    group_session_seconds: float = Field(
        6.0,
        ge=1,
        le=90,
        description="a consumer group gives a silent agent's partitions to other agents after this time",
    )
    ledger_seconds: float = Field(
        604_800.0,
        ge=0,
        description="a post that has an alert no older than this gets no second one; 0: it gets one each time it comes",
    )
    ledger_max_posts: int = Field(
        1_000_000, ge=1_000, description="how many outcomes the alert agent remembers, about 130 bytes each"
    )
    dead_max_attempts: int = Field(
        5, ge=1, le=1_000, description="`tocsin dead replay` leaves a record alone that failed this often"
    )
    # Its bound: a record with its annotation must fit the broker's usual 1 MiB.
    max_post_bytes: int = Field(
        65_536, ge=256, le=900_000, description="larger records on the topic of posts become dead letters"
    )

    post_format: PostFormatName = Field(
        "auto",
        description="format of the records on the topic of posts; auto: each is recognised by its shape",
    )
    post_mapping: Path | None = Field(
        None, description="TOML file of JMESPath expressions that make a post of any other JSON"
    )
    languages: Languages = Field(
        "en",
        description="languages of posts that get alerts (ISO 639-1 codes, by commas), or all; it reads English",
    )
    mentions: MentionsName = Field(
        "organisations", description="which entities after an @ an alert may name: organisations, all or none"
    )

    checkpoint: Path | None = Field(
        None, description="folder of the network's checkpoint; unset: the shipped one"
    )
    guidelines: str | None = Field(
        None,
        min_length=1,
        description="corpus whose annotation guidelines the network follows, or none; unset: the checkpoint's default",
    )
    device: Device = Field("auto", description="device of the network: auto, cpu, cuda or cuda:N")
    annotate_batch_size: int = Field(
        1024, ge=1, le=4096, description="most posts in one batch of the annotate agent"
    )
    annotate_batch_seconds: float = Field(
        0.2, gt=0, le=60, description="how long a batch of the annotate agent waits for more posts"
    )

    llm_url: LlmUrl = Field(
        "http://127.0.0.1:8000/v1", description="base URL of the OpenAI-compatible server"
    )
    llm_model: str | None = Field(
        None, description="model to ask for; unset: the first that the server lists"
    )
    llm_api_key: SecretStr | None = Field(None, description="key for the LLM server, if it needs one")
    llm_timeout_seconds: float = Field(60.0, gt=0, le=3600, description="time limit of one LLM request")
    llm_max_requests: int = Field(
        8, ge=1, le=1024, description="how many LLM requests of one alert agent are in flight at once"
    )
    llm_max_tokens: int = Field(
        24,
        ge=4,
        le=8192,
        description="tokens of one sample; a model that thinks before it answers needs about 1000",
    )
    llm_constraint: ConstraintName = Field(
        "auto",
        description="grammars for samples; auto: those that the server proves to obey; none: no grammars",
    )
    llm_template: TemplateName = Field(
        "auto",
        description="template of chats; server: the LLM server renders them; auto: chosen by the model's name",
    )
    llm_think_tokens: int = Field(
        0,
        ge=0,
        le=8192,
        description="tokens of thinking allowed to a reasoning model before it selects; 0: none",
    )
    selection: SelectionName = Field("llm", description="how one of several valid candidates is chosen")
    min_confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="an alert of less confidence is held back, as an abstention (reason doubtful); unset: none is",
    )
    degraded_after_seconds: float | None = Field(
        None,
        gt=0,
        description="time without the LLM after which alerts are made without it, as degraded; unset: posts wait",
    )
    candidate_prompt: CandidatePromptName = Field(
        "candidate-v1",
        description="prompt of the samples; writer-v1 and writer-v2 are for our fine-tuned writers",
    )
    num_samples: int = Field(8, ge=1, le=64, description="candidates sampled for a post, in one request")
    temperature: float = Field(0.7, ge=0.0, le=2.0, description="sampling temperature of the candidates")
    alert_batch_size: int = Field(64, ge=1, le=4096, description="most posts in one batch of the alert agent")
    alert_batch_seconds: float = Field(
        0.2, gt=0, le=60, description="how long a batch of the alert agent waits for more posts"
    )

    metrics_host: str = Field(
        "127.0.0.1", min_length=1, description="address of /metrics, /livez and /readyz"
    )
    metrics_port: int = Field(
        9108, ge=0, le=65_535, description="port of /metrics, /livez and /readyz; 0 takes a free one"
    )
    log_level: LogLevel = Field("info", description="lowest severity that is logged")
    stall_seconds: float = Field(
        300.0, ge=2, le=86_400, description="/livez fails if records wait and nothing moves for this long"
    )
    stall_exit: bool = Field(
        False, description="whether a process that is not alive ends itself, with status 1"
    )
    stop_seconds: float = Field(
        6.0, gt=0, le=600, description="time that a stop (SIGTERM) leaves to finish the current work"
    )

    @property
    def wanted_languages(self) -> frozenset[str] | None:
        """The languages of posts that get alerts; None: all."""
        return None if self.languages == "all" else frozenset(self.languages.split(","))
