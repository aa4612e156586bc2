CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.api_tokens (
    user_id integer,
    service_id integer,
    id integer NOT NULL,
    hashed character varying(255),
    prefix character varying(16),
    client_id character varying(255),
    session_id character varying(255),
    created timestamp without time zone,
    expires_at timestamp without time zone,
    last_activity timestamp without time zone,
    note character varying(1023),
    scopes text
);
CREATE SEQUENCE public.api_tokens_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.api_tokens_id_seq OWNED BY public.api_tokens.id;
CREATE TABLE public.group_role_map (
    group_id integer NOT NULL,
    role_id integer NOT NULL
);
CREATE TABLE public.groups (
    id integer NOT NULL,
    name character varying(255),
    properties text
);
CREATE SEQUENCE public.groups_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.groups_id_seq OWNED BY public.groups.id;
CREATE TABLE public.oauth_clients (
    id integer NOT NULL,
    identifier character varying(255),
    description character varying(1023),
    secret character varying(255),
    redirect_uri character varying(1023),
    allowed_scopes text
);
CREATE SEQUENCE public.oauth_clients_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.oauth_clients_id_seq OWNED BY public.oauth_clients.id;
CREATE TABLE public.oauth_codes (
    id integer NOT NULL,
    client_id character varying(255),
    code character varying(36),
    expires_at integer,
    redirect_uri character varying(1023),
    session_id character varying(255),
    user_id integer,
    scopes text
);
CREATE SEQUENCE public.oauth_codes_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.oauth_codes_id_seq OWNED BY public.oauth_codes.id;
CREATE TABLE public.roles (
    id integer NOT NULL,
    name character varying(255),
    description character varying(1023),
    scopes text
);
CREATE SEQUENCE public.roles_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.roles_id_seq OWNED BY public.roles.id;
CREATE TABLE public.servers (
    id integer NOT NULL,
    proto character varying(15),
    ip character varying(255),
    port integer,
    base_url character varying(255),
    cookie_name character varying(255)
);
CREATE SEQUENCE public.servers_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.servers_id_seq OWNED BY public.servers.id;
CREATE TABLE public.service_role_map (
    service_id integer NOT NULL,
    role_id integer NOT NULL
);
CREATE TABLE public.services (
    id integer NOT NULL,
    name character varying(255),
    admin boolean,
    _server_id integer,
    pid integer,
    oauth_client_id character varying(255)
);
CREATE SEQUENCE public.services_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.services_id_seq OWNED BY public.services.id;
CREATE TABLE public.spawners (
    id integer NOT NULL,
    user_id integer,
    server_id integer,
    state text,
    name character varying(255),
    started timestamp without time zone,
    last_activity timestamp without time zone,
    user_options text,
    oauth_client_id character varying(255)
);
CREATE SEQUENCE public.spawners_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.spawners_id_seq OWNED BY public.spawners.id;
CREATE TABLE public.user_group_map (
    user_id integer NOT NULL,
    group_id integer NOT NULL
);
CREATE TABLE public.user_role_map (
    user_id integer NOT NULL,
    role_id integer NOT NULL
);
CREATE TABLE public.users (
    id integer NOT NULL,
    name character varying(255),
    admin boolean,
    created timestamp without time zone,
    last_activity timestamp without time zone,
    cookie_id character varying(255) NOT NULL,
    state text,
    encrypted_auth_state bytea
);
CREATE SEQUENCE public.users_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.users_id_seq OWNED BY public.users.id;
ALTER TABLE ONLY public.api_tokens ALTER COLUMN id SET DEFAULT nextval('public.api_tokens_id_seq'::regclass);
ALTER TABLE ONLY public.groups ALTER COLUMN id SET DEFAULT nextval('public.groups_id_seq'::regclass);
ALTER TABLE ONLY public.oauth_clients ALTER COLUMN id SET DEFAULT nextval('public.oauth_clients_id_seq'::regclass);
ALTER TABLE ONLY public.oauth_codes ALTER COLUMN id SET DEFAULT nextval('public.oauth_codes_id_seq'::regclass);
ALTER TABLE ONLY public.roles ALTER COLUMN id SET DEFAULT nextval('public.roles_id_seq'::regclass);
ALTER TABLE ONLY public.servers ALTER COLUMN id SET DEFAULT nextval('public.servers_id_seq'::regclass);
ALTER TABLE ONLY public.services ALTER COLUMN id SET DEFAULT nextval('public.services_id_seq'::regclass);
ALTER TABLE ONLY public.spawners ALTER COLUMN id SET DEFAULT nextval('public.spawners_id_seq'::regclass);
ALTER TABLE ONLY public.users ALTER COLUMN id SET DEFAULT nextval('public.users_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0eee8c825d24');
INSERT INTO public.api_tokens VALUES (NULL, 1, 1, 'sha512:16384:52fec83740e938a4:8ba978b47eaf2cbd5291b18769141c5018313966af780418cb8fea3314289ebb75279f25378908e91197af342a555c9720d298024aa678c79c3be40982453321', '0123', 'jupyterhub', NULL, '2026-11-29 01:05:15.38492', NULL, '2026-11-29 01:05:15.650299', 'from config', '["inherit"]');
INSERT INTO public.api_tokens VALUES (2, NULL, 2, 'sha512:1:e4962a0fd797f84e:837aed4ac928039f92d6c3405110261344ea5a7a3dc6826eac35ee90c07f619343d1de3d9b7c0d7ece1323746b838dc90a9441f99fb79344c73afa3efca5f9a9', '69ff', 'jupyterhub', NULL, '2026-11-29 01:05:16.496215', NULL, NULL, 'Server at /user/alice/', '["access:servers!server=alice/", "users:activity!user"]');
INSERT INTO public.api_tokens VALUES (1, NULL, 3, 'sha512:1:f3c6a49f4784c1a1:3a916ce223c9c6d66fd6cef39c47b0b66e0fd2cb997e37aa246a9e2773932bac8a58334d6034fa304a8e0cd072c889b7ffa2e63118e46d27389891d4dbaf6491', 'c528', 'jupyterhub', NULL, '2026-11-29 01:05:16.643999', NULL, NULL, 'Server at /user/bob/', '["access:servers!server=bob/", "users:activity!user"]');
INSERT INTO public.api_tokens VALUES (3, NULL, 4, 'sha512:1:b63b1f705fb011cc:2609d446e92d1739921e8af070f282d848f80d18ff97b18da7158be353e5c2f84338c4a2ac17067f4bfeb00ca92cafc4fb06ca0bdcf5de372dc7d718a6076f7b', '2235', 'jupyterhub', NULL, '2026-11-29 01:05:16.737572', NULL, NULL, 'Server at /user/carol/gpu/', '["users:activity!user", "access:servers!server=carol/gpu"]');
INSERT INTO public.api_tokens VALUES (3, NULL, 5, 'sha512:1:a2854416bce39846:82be8714ae262d9e68bbe774b7fd7fdff0e77313cd522d99ec45df0eec9a94985b8b574d790fcbd0718f6af43ef0f3ab4239c30bdfd944193e7ac98d5748ebb3', 'a91c', 'jupyterhub', NULL, '2026-11-29 01:05:16.848322', NULL, NULL, 'Server at /user/carol/Big_One/', '["access:servers!server=carol/Big_One", "users:activity!user"]');
INSERT INTO public.api_tokens VALUES (2, NULL, 6, 'sha512:1:c5822959a20d9bf7:c2dd61ec3e91e2ffeed5f04c650ddc277e161cbc92c003775ab1418a48e7b80c4f6dcead545b81f77570b765237ac9b7b82b4c067858d63ddd1cc9b1088d6c0e', '9358', 'jupyterhub', NULL, '2026-11-29 01:05:16.950084', NULL, NULL, 'of a script of hers', '["inherit"]');
INSERT INTO public.groups VALUES (1, 'students', '{}');
INSERT INTO public.groups VALUES (2, 'teachers', '{}');
INSERT INTO public.oauth_clients VALUES (1, 'jupyterhub', 'JupyterHub', '', '', '[]');
INSERT INTO public.oauth_clients VALUES (2, 'jupyterhub-user-alice', 'Server at /user/alice/', 'sha512:16384:e5617dc0040d9308:bd125cddc30ffc3a4c3c62cd7a830a6678b47a3eceae786923582f90b8f83d1c772a9e906219df71866f9babb55b03f0cf759992aaf5c2ffd5ce22e21fde003f', '/user/alice/oauth_callback', '["access:servers!server=alice/"]');
INSERT INTO public.oauth_clients VALUES (3, 'jupyterhub-user-bob', 'Server at /user/bob/', 'sha512:16384:b60e548698b1d91c:d892b25d5d57823740245e158be9a62678f718a29151393302077012365157fe3de44d18c6f8e471def51f542e673e6fb1b04d9e480be07b3c945beb3d6873b4', '/user/bob/oauth_callback', '["access:servers!server=bob/"]');
INSERT INTO public.oauth_clients VALUES (4, 'jupyterhub-user-carol-gpu', 'Server at /user/carol/gpu/', 'sha512:16384:960e5518b20bdc01:f5b2bdd90f463aaecd8909ef25b62316dd1f15d6832f806f76b3ccf7a5a79b235c89935689878f475bfcc47b31c56ffca4220263ee8c07e33666eea2e220da50', '/user/carol/gpu/oauth_callback', '["access:servers!server=carol/gpu"]');
INSERT INTO public.oauth_clients VALUES (5, 'jupyterhub-user-carol-Big_One', 'Server at /user/carol/Big_One/', 'sha512:16384:5692ed43a0cfcb32:9f2d30877b0ed47dea6b15d59631124836f117edfb50d898f439162d88ad5f239b9a4e2ba37c0435b9267599a299dd00eb4b62abbd2bc998ff18f472d49b96b8', '/user/carol/Big_One/oauth_callback', '["access:servers!server=carol/Big_One"]');
INSERT INTO public.roles VALUES (1, 'user', 'Standard user privileges', '["self"]');
INSERT INTO public.roles VALUES (2, 'server', 'Post activity only', '["users:activity!user", "access:servers!server"]');
INSERT INTO public.roles VALUES (3, 'token', 'Token with same permissions as its owner', '["inherit"]');
INSERT INTO public.roles VALUES (4, 'admin', 'Elevated privileges (can do anything)', '["admin-ui", "admin:users", "admin:servers", "tokens", "admin:groups", "list:services", "read:services", "read:hub", "proxy", "shutdown", "access:services", "access:servers", "read:roles", "read:metrics"]');
INSERT INTO public.servers VALUES (1, 'http', '127.0.0.1', 36801, '/user/alice/', 'cookie');
INSERT INTO public.servers VALUES (2, 'http', '127.0.0.1', 36801, '/user/bob/', 'cookie');
INSERT INTO public.servers VALUES (3, 'http', '127.0.0.1', 36801, '/user/carol/gpu/', 'cookie');
INSERT INTO public.servers VALUES (4, 'http', '127.0.0.1', 36801, '/user/carol/Big_One/', 'cookie');
INSERT INTO public.service_role_map VALUES (1, 4);
INSERT INTO public.services VALUES (1, 'maker', true, NULL, NULL, NULL);
INSERT INTO public.spawners VALUES (3, 3, NULL, NULL, '', NULL, NULL, NULL, NULL);
INSERT INTO public.spawners VALUES (4, 4, NULL, NULL, '', NULL, NULL, NULL, NULL);
INSERT INTO public.spawners VALUES (5, 5, NULL, NULL, '', NULL, NULL, NULL, NULL);
INSERT INTO public.spawners VALUES (6, 6, NULL, NULL, '', NULL, NULL, NULL, NULL);
INSERT INTO public.spawners VALUES (2, 2, 1, '{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e01", "userserver_port": 8001}', '', '2026-11-29 01:05:16.5216', '2026-11-29 01:05:16.5216', '{"userserver_image": "Default image", "userserver_size": "m1.small"}', 'jupyterhub-user-alice');
INSERT INTO public.spawners VALUES (1, 1, 2, '{"machineid": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e02", "serverport": 8000}', '', '2026-11-29 01:05:16.671161', '2026-11-29 01:05:16.671161', '{"machineimage": "Default image", "machinesize": "m1.small"}', 'jupyterhub-user-bob');
INSERT INTO public.spawners VALUES (7, 3, 3, '{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e03", "userserver_port": 8003}', 'gpu', '2026-11-29 01:05:16.766632', '2026-11-29 01:05:16.766632', '{"userserver_image": "Default image", "userserver_size": "m1.small"}', 'jupyterhub-user-carol-gpu');
INSERT INTO public.spawners VALUES (8, 3, 4, '{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e04", "userserver_port": 8004}', 'Big_One', '2026-11-29 01:05:16.875716', '2026-11-29 01:05:16.875716', '{"userserver_image": "Default image", "userserver_size": "m1.small"}', 'jupyterhub-user-carol-Big_One');
INSERT INTO public.user_group_map VALUES (2, 1);
INSERT INTO public.user_group_map VALUES (3, 1);
INSERT INTO public.user_group_map VALUES (1, 2);
INSERT INTO public.user_role_map VALUES (1, 4);
INSERT INTO public.user_role_map VALUES (1, 1);
INSERT INTO public.user_role_map VALUES (2, 1);
INSERT INTO public.user_role_map VALUES (3, 1);
INSERT INTO public.user_role_map VALUES (4, 1);
INSERT INTO public.user_role_map VALUES (5, 1);
INSERT INTO public.user_role_map VALUES (6, 1);
INSERT INTO public.user_role_map VALUES (6, 4);
INSERT INTO public.users VALUES (5, 'o''hara', false, '2026-11-29 01:05:15.960697', NULL, '272669c2bdcd4c7b88e2a49a85a718ac', NULL, NULL);
INSERT INTO public.users VALUES (6, 'erin', true, '2026-11-29 01:05:16.043462', NULL, 'e366c4668d4b4cf2b7b2b85ab9934c0c', NULL, NULL);
INSERT INTO public.users VALUES (4, 'dave', false, '2026-11-29 01:05:15.87877', NULL, 'b9de3ea8ecf84838b1800109b8fe829b', NULL, '\x67414141414142724333704d5330524c50753639394946317934596e454e32494d6359714c54734330355a4f756a705f3970434f577354465f756f61644e4c31635f6e4179714f38734d624a452d6d434e637753546338466b45346e2d55476f61474e79694341694b4c75574c395079557853754633733d');
INSERT INTO public.users VALUES (2, 'alice', false, '2026-11-29 01:05:15.797663', '2026-11-29 01:05:16.5216', 'e5b618a19d484ed19cfdb3ec6a302fc9', '{}', NULL);
INSERT INTO public.users VALUES (1, 'bob', true, '2026-11-29 01:05:15.131957', '2026-11-29 01:05:16.671161', '040c63c9773e41dd9267e22fa64d8828', '{}', NULL);
INSERT INTO public.users VALUES (3, 'carol', false, '2026-11-29 01:05:15.837223', '2026-11-29 01:05:16.875716', '88cf97297c894a3db871f46072a9a2de', '{}', NULL);
SELECT pg_catalog.setval('public.api_tokens_id_seq', 6, true);
SELECT pg_catalog.setval('public.groups_id_seq', 2, true);
SELECT pg_catalog.setval('public.oauth_clients_id_seq', 5, true);
SELECT pg_catalog.setval('public.oauth_codes_id_seq', 1, false);
SELECT pg_catalog.setval('public.roles_id_seq', 4, true);
SELECT pg_catalog.setval('public.servers_id_seq', 4, true);
SELECT pg_catalog.setval('public.services_id_seq', 1, true);
SELECT pg_catalog.setval('public.spawners_id_seq', 8, true);
SELECT pg_catalog.setval('public.users_id_seq', 6, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT pk_api_tokens PRIMARY KEY (id);
ALTER TABLE ONLY public.group_role_map
    ADD CONSTRAINT pk_group_role_map PRIMARY KEY (group_id, role_id);
ALTER TABLE ONLY public.groups
    ADD CONSTRAINT pk_groups PRIMARY KEY (id);
ALTER TABLE ONLY public.oauth_clients
    ADD CONSTRAINT pk_oauth_clients PRIMARY KEY (id);
ALTER TABLE ONLY public.oauth_codes
    ADD CONSTRAINT pk_oauth_codes PRIMARY KEY (id);
ALTER TABLE ONLY public.roles
    ADD CONSTRAINT pk_roles PRIMARY KEY (id);
ALTER TABLE ONLY public.servers
    ADD CONSTRAINT pk_servers PRIMARY KEY (id);
ALTER TABLE ONLY public.service_role_map
    ADD CONSTRAINT pk_service_role_map PRIMARY KEY (service_id, role_id);
ALTER TABLE ONLY public.services
    ADD CONSTRAINT pk_services PRIMARY KEY (id);
ALTER TABLE ONLY public.spawners
    ADD CONSTRAINT pk_spawners PRIMARY KEY (id);
ALTER TABLE ONLY public.user_group_map
    ADD CONSTRAINT pk_user_group_map PRIMARY KEY (user_id, group_id);
ALTER TABLE ONLY public.user_role_map
    ADD CONSTRAINT pk_user_role_map PRIMARY KEY (user_id, role_id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT pk_users PRIMARY KEY (id);
ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT uq_api_tokens_hashed UNIQUE (hashed);
ALTER TABLE ONLY public.groups
    ADD CONSTRAINT uq_groups_name UNIQUE (name);
ALTER TABLE ONLY public.oauth_clients
    ADD CONSTRAINT uq_oauth_clients_identifier UNIQUE (identifier);
ALTER TABLE ONLY public.roles
    ADD CONSTRAINT uq_roles_name UNIQUE (name);
ALTER TABLE ONLY public.services
    ADD CONSTRAINT uq_services_name UNIQUE (name);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT uq_users_cookie_id UNIQUE (cookie_id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT uq_users_name UNIQUE (name);
CREATE INDEX ix_api_tokens_prefix ON public.api_tokens USING btree (prefix);
ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT fk_api_tokens_client_id_oauth_clients FOREIGN KEY (client_id) REFERENCES public.oauth_clients(identifier) ON DELETE CASCADE;
ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT fk_api_tokens_service_id_services FOREIGN KEY (service_id) REFERENCES public.services(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT fk_api_tokens_user_id_users FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.group_role_map
    ADD CONSTRAINT fk_group_role_map_group_id_groups FOREIGN KEY (group_id) REFERENCES public.groups(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.group_role_map
    ADD CONSTRAINT fk_group_role_map_role_id_roles FOREIGN KEY (role_id) REFERENCES public.roles(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.oauth_codes
    ADD CONSTRAINT fk_oauth_codes_client_id_oauth_clients FOREIGN KEY (client_id) REFERENCES public.oauth_clients(identifier) ON DELETE CASCADE;
ALTER TABLE ONLY public.oauth_codes
    ADD CONSTRAINT fk_oauth_codes_user_id_users FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.service_role_map
    ADD CONSTRAINT fk_service_role_map_role_id_roles FOREIGN KEY (role_id) REFERENCES public.roles(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.service_role_map
    ADD CONSTRAINT fk_service_role_map_service_id_services FOREIGN KEY (service_id) REFERENCES public.services(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.services
    ADD CONSTRAINT fk_services__server_id_servers FOREIGN KEY (_server_id) REFERENCES public.servers(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.services
    ADD CONSTRAINT fk_services_oauth_client_id_oauth_clients FOREIGN KEY (oauth_client_id) REFERENCES public.oauth_clients(identifier) ON DELETE SET NULL;
ALTER TABLE ONLY public.spawners
    ADD CONSTRAINT fk_spawners_oauth_client_id_oauth_clients FOREIGN KEY (oauth_client_id) REFERENCES public.oauth_clients(identifier) ON DELETE SET NULL;
ALTER TABLE ONLY public.spawners
    ADD CONSTRAINT fk_spawners_server_id_servers FOREIGN KEY (server_id) REFERENCES public.servers(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.spawners
    ADD CONSTRAINT fk_spawners_user_id_users FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.user_group_map
    ADD CONSTRAINT fk_user_group_map_group_id_groups FOREIGN KEY (group_id) REFERENCES public.groups(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.user_group_map
    ADD CONSTRAINT fk_user_group_map_user_id_users FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.user_role_map
    ADD CONSTRAINT fk_user_role_map_role_id_roles FOREIGN KEY (role_id) REFERENCES public.roles(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.user_role_map
    ADD CONSTRAINT fk_user_role_map_user_id_users FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
