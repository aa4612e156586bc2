BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('651f5419b74d');
CREATE TABLE api_tokens (
	user_id INTEGER, 
	service_id INTEGER, 
	id INTEGER NOT NULL, 
	hashed VARCHAR(255), 
	prefix VARCHAR(16), 
	client_id VARCHAR(255), 
	session_id VARCHAR(255), 
	created DATETIME, 
	expires_at DATETIME, 
	last_activity DATETIME, 
	note VARCHAR(1023), 
	scopes TEXT, 
	CONSTRAINT pk_api_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_api_tokens_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_api_tokens_service_id_services FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	CONSTRAINT uq_api_tokens_hashed UNIQUE (hashed), 
	CONSTRAINT fk_api_tokens_client_id_oauth_clients FOREIGN KEY(client_id) REFERENCES oauth_clients (identifier) ON DELETE CASCADE
);
INSERT INTO "api_tokens" VALUES(NULL,1,1,'sha512:16384:180015cfcc2fe827:a0930815d0ae5d06d5813df486d466aa017811869d426d4968e792b459ebff1db14f58dd2e0cb7d4e550934cabcabb44f2a9c89c44e455e4bff2052ccce49249','0123','jupyterhub',NULL,'2026-11-29 00:39:08.948035',NULL,'2026-11-29 00:39:09.124717','from config','["inherit"]');
INSERT INTO "api_tokens" VALUES(2,NULL,2,'sha512:1:7ad4cf989f5ec4f3:65b13ea08c00e0f9ff700c046d3da9ee9eaa5b4a2a08d627cf7b849c7bdbb7e6f391589250914c7f019ec1fb5284c217a40871f78eaa0b5b783b3fa755c36f49','8e89','jupyterhub',NULL,'2026-11-29 00:39:09.491888',NULL,NULL,'Server at /user/alice/','["access:servers!user", "users:activity!user"]');
INSERT INTO "api_tokens" VALUES(1,NULL,3,'sha512:1:a7fcf1f60ccbec13:bf130569b5276f59aab160c6463c2bbf68348e12c52c2154e79cdc912f21d215bc1f402a3fc66365282a089051455e3b0056235a7ce3cafc1ac05ef6cc7c2259','5afd','jupyterhub',NULL,'2026-11-29 00:39:09.572151',NULL,NULL,'Server at /user/bob/','["access:servers!user", "users:activity!user"]');
INSERT INTO "api_tokens" VALUES(3,NULL,4,'sha512:1:6df92087b7d7b397:57389426c6ec76fbf18fe0e400c95cae83639dd802b79e785ebc092c4f808f315b13577e9a40e95a0c5aedc0006bd8c9d3b61e26338d3eb6752344d9766ea2f0','558f','jupyterhub',NULL,'2026-11-29 00:39:09.672142',NULL,NULL,'Server at /user/carol/gpu/','["access:servers!user", "users:activity!user"]');
INSERT INTO "api_tokens" VALUES(3,NULL,5,'sha512:1:739005c52d9d33dc:2a0cbfd5a3777801352126e553245f5ba9fd1356f944f135a24bcd66a2226c663fb2f45d7a44ce8fd9d859405ba9dadcaa794c3eb690ff5fb5c956ddd8d897f3','2bc8','jupyterhub',NULL,'2026-11-29 00:39:09.729151',NULL,NULL,'Server at /user/carol/Big_One/','["access:servers!user", "users:activity!user"]');
INSERT INTO "api_tokens" VALUES(2,NULL,6,'sha512:1:cd723e41e60793c4:df825e7c8be2537109c49d2bd94cba550ae17fd9b733bc01188e8b21cafc70b8f0e383dea22dc18cc54022b02f30bc7bf50ab92dae1fb325d15e9bb1aefda148','b217','jupyterhub',NULL,'2026-11-29 00:39:09.768875',NULL,NULL,'of a script of hers','["inherit"]');
CREATE TABLE group_role_map (
	group_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_group_role_map PRIMARY KEY (group_id, role_id), 
	CONSTRAINT fk_group_role_map_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_group_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
CREATE TABLE groups (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	CONSTRAINT pk_groups PRIMARY KEY (id), 
	CONSTRAINT uq_groups_name UNIQUE (name)
);
INSERT INTO "groups" VALUES(1,'students');
INSERT INTO "groups" VALUES(2,'teachers');
CREATE TABLE oauth_clients (
	id INTEGER NOT NULL, 
	identifier VARCHAR(255), 
	description VARCHAR(1023), 
	secret VARCHAR(255), 
	redirect_uri VARCHAR(1023), 
	allowed_scopes TEXT, 
	CONSTRAINT pk_oauth_clients PRIMARY KEY (id), 
	CONSTRAINT uq_oauth_clients_identifier UNIQUE (identifier)
);
INSERT INTO "oauth_clients" VALUES(1,'jupyterhub','JupyterHub','','','[]');
INSERT INTO "oauth_clients" VALUES(2,'jupyterhub-user-alice','Server at /user/alice/','sha512:16384:e3d3162b8591df1f:fdf091bee4e460bc1ddabf156d7799c91d27c5642738f3e90ce66806004d2358c72c525269629921e89f2682151fb9187ecf73580b06435287ec89504349b7e0','/user/alice/oauth_callback','["access:servers!server=alice/"]');
INSERT INTO "oauth_clients" VALUES(3,'jupyterhub-user-bob','Server at /user/bob/','sha512:16384:1ee5da458ff12130:9c1c1b9cfca328dc213513797b04061671114b564476093aabd1d415cf3e26c804f93bdfdbb867657821a23bae50f2ab47848713086cb6ed8b50e9f14c40f4cd','/user/bob/oauth_callback','["access:servers!server=bob/"]');
INSERT INTO "oauth_clients" VALUES(4,'jupyterhub-user-carol-gpu','Server at /user/carol/gpu/','sha512:16384:d4e74abb697b88c1:888c4c4894741259c6e5a901e6a4834abdd02c2902cdc0f3392a29330e21040ce90f417b47719b92e7ec53aaf52221b0667688b9e29a2abe89f1c76154ef9e87','/user/carol/gpu/oauth_callback','["access:servers!server=carol/gpu"]');
INSERT INTO "oauth_clients" VALUES(5,'jupyterhub-user-carol-Big_One','Server at /user/carol/Big_One/','sha512:16384:7cf2f3811d7609c9:b8fbfb1dafa8a905b7cd3ac348597407335fcb2cd547d3e5efc3aa8f1b5699f264355963339e99ff9d5ec1f0b9806032281da000ef766ef175646de834ee39a4','/user/carol/Big_One/oauth_callback','["access:servers!server=carol/Big_One"]');
CREATE TABLE oauth_codes (
	id INTEGER NOT NULL, 
	client_id VARCHAR(255), 
	code VARCHAR(36), 
	expires_at INTEGER, 
	redirect_uri VARCHAR(1023), 
	session_id VARCHAR(255), 
	user_id INTEGER, 
	scopes TEXT, 
	CONSTRAINT pk_oauth_codes PRIMARY KEY (id), 
	CONSTRAINT fk_oauth_codes_client_id_oauth_clients FOREIGN KEY(client_id) REFERENCES oauth_clients (identifier) ON DELETE CASCADE, 
	CONSTRAINT fk_oauth_codes_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE roles (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	description VARCHAR(1023), 
	scopes TEXT, 
	CONSTRAINT pk_roles PRIMARY KEY (id), 
	CONSTRAINT uq_roles_name UNIQUE (name)
);
INSERT INTO "roles" VALUES(1,'user','Standard user privileges','["self"]');
INSERT INTO "roles" VALUES(2,'server','Post activity only','["users:activity!user", "access:servers!user"]');
INSERT INTO "roles" VALUES(3,'token','Token with same permissions as its owner','["inherit"]');
INSERT INTO "roles" VALUES(4,'admin','Elevated privileges (can do anything)','["admin-ui", "admin:users", "admin:servers", "tokens", "admin:groups", "list:services", "read:services", "read:hub", "proxy", "shutdown", "access:services", "access:servers", "read:roles", "read:metrics"]');
CREATE TABLE servers (
	id INTEGER NOT NULL, 
	proto VARCHAR(15), 
	ip VARCHAR(255), 
	port INTEGER, 
	base_url VARCHAR(255), 
	cookie_name VARCHAR(255), 
	CONSTRAINT pk_servers PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES(1,'http','127.0.0.1',35057,'/user/alice/','cookie');
INSERT INTO "servers" VALUES(2,'http','127.0.0.1',35057,'/user/bob/','cookie');
INSERT INTO "servers" VALUES(3,'http','127.0.0.1',35057,'/user/carol/gpu/','cookie');
INSERT INTO "servers" VALUES(4,'http','127.0.0.1',35057,'/user/carol/Big_One/','cookie');
CREATE TABLE service_role_map (
	service_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_service_role_map PRIMARY KEY (service_id, role_id), 
	CONSTRAINT fk_service_role_map_service_id_services FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	CONSTRAINT fk_service_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "service_role_map" VALUES(1,4);
CREATE TABLE services (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	_server_id INTEGER, 
	pid INTEGER, 
	oauth_client_id VARCHAR(255), 
	CONSTRAINT pk_services PRIMARY KEY (id), 
	CONSTRAINT uq_services_name UNIQUE (name), 
	CONSTRAINT fk_services__server_id_servers FOREIGN KEY(_server_id) REFERENCES servers (id) ON DELETE SET NULL, 
	CONSTRAINT fk_services_oauth_client_id_oauth_clients FOREIGN KEY(oauth_client_id) REFERENCES oauth_clients (identifier) ON DELETE SET NULL
);
INSERT INTO "services" VALUES(1,'maker',1,NULL,NULL,NULL);
CREATE TABLE spawners (
	id INTEGER NOT NULL, 
	user_id INTEGER, 
	server_id INTEGER, 
	state TEXT, 
	name VARCHAR(255), 
	started DATETIME, 
	last_activity DATETIME, 
	user_options TEXT, 
	oauth_client_id VARCHAR(255), 
	CONSTRAINT pk_spawners PRIMARY KEY (id), 
	CONSTRAINT fk_spawners_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_spawners_server_id_servers FOREIGN KEY(server_id) REFERENCES servers (id) ON DELETE SET NULL, 
	CONSTRAINT fk_spawners_oauth_client_id_oauth_clients FOREIGN KEY(oauth_client_id) REFERENCES oauth_clients (identifier) ON DELETE SET NULL
);
INSERT INTO "spawners" VALUES(1,1,2,'{"machineid": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e02", "serverport": 8000}','','2026-11-29 00:39:09.590882','2026-11-29 00:39:09.590882','{"machineimage": "Default image", "machinesize": "m1.small"}','jupyterhub-user-bob');
INSERT INTO "spawners" VALUES(2,2,1,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e01", "userserver_port": 8001}','','2026-11-29 00:39:09.510513','2026-11-29 00:39:09.510513','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-alice');
INSERT INTO "spawners" VALUES(3,3,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(4,4,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(5,5,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(6,6,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(7,3,3,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e03", "userserver_port": 8003}','gpu','2026-11-29 00:39:09.688167','2026-11-29 00:39:09.688167','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-carol-gpu');
INSERT INTO "spawners" VALUES(8,3,4,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e04", "userserver_port": 8004}','Big_One','2026-11-29 00:39:09.746469','2026-11-29 00:39:09.746469','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-carol-Big_One');
CREATE TABLE user_group_map (
	user_id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	CONSTRAINT pk_user_group_map PRIMARY KEY (user_id, group_id), 
	CONSTRAINT fk_user_group_map_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_user_group_map_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
);
INSERT INTO "user_group_map" VALUES(2,1);
INSERT INTO "user_group_map" VALUES(3,1);
INSERT INTO "user_group_map" VALUES(1,2);
CREATE TABLE user_role_map (
	user_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_user_role_map PRIMARY KEY (user_id, role_id), 
	CONSTRAINT fk_user_role_map_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_user_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "user_role_map" VALUES(1,4);
INSERT INTO "user_role_map" VALUES(1,1);
INSERT INTO "user_role_map" VALUES(2,1);
INSERT INTO "user_role_map" VALUES(3,1);
INSERT INTO "user_role_map" VALUES(4,1);
INSERT INTO "user_role_map" VALUES(5,1);
INSERT INTO "user_role_map" VALUES(6,1);
INSERT INTO "user_role_map" VALUES(6,4);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	created DATETIME, 
	last_activity DATETIME, 
	cookie_id VARCHAR(255) NOT NULL, 
	state TEXT, 
	encrypted_auth_state BLOB, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_name UNIQUE (name), 
	CONSTRAINT uq_users_cookie_id UNIQUE (cookie_id)
);
INSERT INTO "users" VALUES(1,'bob',1,'2026-11-29 00:39:08.898330','2026-11-29 00:39:09.590882','1a307eff79bb470f969afd40fb7a72f5','{}',NULL);
INSERT INTO "users" VALUES(2,'alice',0,'2026-11-29 00:39:09.154454','2026-11-29 00:39:09.510513','5172d0014ccb47e4ae7cb4767d31b14b','{}',NULL);
INSERT INTO "users" VALUES(3,'carol',0,'2026-11-29 00:39:09.163127','2026-11-29 00:39:09.746469','1fdf0c4d9e694be099766ada3ee9012a','{}',NULL);
INSERT INTO "users" VALUES(4,'dave',0,'2026-11-29 00:39:09.212679',NULL,'7803eb6834b64937a1a046725a36608e',NULL,X'6741414141414272433351745935584D354E7254743639714D33574848314F6950366942546447515A4744544F6C6F746D6749535F5A304837434D467366427870663334635638466965784230593545754A58754C586C4369344677444A4D426A5A426B77456374357942434B476A50386463634261513D');
INSERT INTO "users" VALUES(5,'o''hara',0,'2026-11-29 00:39:09.248495',NULL,'ad59d39ef6024542a9bf30a50afd8306',NULL,NULL);
INSERT INTO "users" VALUES(6,'erin',1,'2026-11-29 00:39:09.299160',NULL,'1917d229984547d1b848a278ec3978ee',NULL,NULL);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMIT;
