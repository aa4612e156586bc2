BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('4621fec11365');
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
INSERT INTO "api_tokens" VALUES(NULL,1,1,'sha512:16384:6c1b45a8d2422939:d54a6a903c6d16fa2b068fff2b2543440a14d509ce9fb48fab4981835f4cffd62860b5f64caadcc710a7e5f50c08f58b4295a87c00db1d8a958b61d726cdb01f','0123','jupyterhub',NULL,'2026-11-29 00:39:05.208590',NULL,'2026-11-29 00:39:05.439571','from config','["inherit"]');
INSERT INTO "api_tokens" VALUES(2,NULL,2,'sha512:1:e08a5a9c672c57f0:f3a65bcb9e726bdd2268a81198b113c7c6547a03cd97496a4d26dac797242097155fdf2c82cd2c6dba99caad557a730e69f901c0aefa1e406c170ad903fa48d5','d330','jupyterhub',NULL,'2026-11-29 00:39:05.954987',NULL,NULL,'Server at /user/alice/','["users:activity!user", "access:servers!server=alice/"]');
INSERT INTO "api_tokens" VALUES(1,NULL,3,'sha512:1:a52a687cd9cd7d38:75266c85f162fef9b9e9b62d26727202f5cd7eb69fbd96e850077f8b27e2080a2f79e5f7ea83c086ab7b40bdbfa7a96880eba4468bb8128987d8b5cd69227c98','5542','jupyterhub',NULL,'2026-11-29 00:39:06.021898',NULL,NULL,'Server at /user/bob/','["users:activity!user", "access:servers!server=bob/"]');
INSERT INTO "api_tokens" VALUES(3,NULL,4,'sha512:1:cd09c0c13fd1410b:86be2dcb3a915a1d69d9c1e773ba7d335a6b3e77b5ab4d81e715ca1ff9936d4c35932707cf47dd0c3befebbb51d7ef8b5d13708357ab5ca3af4d1acf2cea3ad5','6cb9','jupyterhub',NULL,'2026-11-29 00:39:06.086079',NULL,NULL,'Server at /user/carol/gpu/','["access:servers!server=carol/gpu", "users:activity!user"]');
INSERT INTO "api_tokens" VALUES(3,NULL,5,'sha512:1:fedf2b770ee35798:07dd500ef9dbe064a2cf5370e6fb166cf3cc7f0d35565472f5dc1a3d87343d0bf108e009331f7ece77c07dad22391390361cfebb4b7e6fb5b5025fe6053aeb90','c8d3','jupyterhub',NULL,'2026-11-29 00:39:06.146729',NULL,NULL,'Server at /user/carol/Big_One/','["access:servers!server=carol/Big_One", "users:activity!user"]');
INSERT INTO "api_tokens" VALUES(2,NULL,6,'sha512:1:c586095146ddaa42:82ead00536ea8874127faed1254ac72145eb5923b75ca719e6ea114d4eab29f29f51853b717e16bbe0a4b1209acabf67d7234ae1d5260efdda0b878eefa035bb','2fa5','jupyterhub',NULL,'2026-11-29 00:39:06.204768',NULL,NULL,'of a script of hers','["inherit"]');
CREATE TABLE group_role_map (
	group_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	managed_by_auth BOOLEAN NOT NULL, 
	CONSTRAINT pk_group_role_map PRIMARY KEY (group_id, role_id), 
	CONSTRAINT fk_group_role_map_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_group_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
CREATE TABLE groups (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	properties TEXT, 
	CONSTRAINT pk_groups PRIMARY KEY (id), 
	CONSTRAINT uq_groups_name UNIQUE (name)
);
INSERT INTO "groups" VALUES(1,'students','{}');
INSERT INTO "groups" VALUES(2,'teachers','{}');
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
INSERT INTO "oauth_clients" VALUES(2,'jupyterhub-user-alice','Server at /user/alice/','sha512:16384:85207ab0860ff168:107bfc862d9a8f13d1b285a0590388541e04ec7ec412fb740b323fba40870aebc8337da75a8c4140a843f806e59b54a08372d384ba72237f51401ee6ad912196','/user/alice/oauth_callback','["access:servers!server=alice/"]');
INSERT INTO "oauth_clients" VALUES(3,'jupyterhub-user-bob','Server at /user/bob/','sha512:16384:711680875d45d5a5:ccffca2cee3704687548b01384a60807df852b4d5849367de2790a21dcca248bb96eb22041a44d66207cf427d1b7c88ef3c24d440a5316bc2380106a802a4a1f','/user/bob/oauth_callback','["access:servers!server=bob/"]');
INSERT INTO "oauth_clients" VALUES(4,'jupyterhub-user-carol-gpu','Server at /user/carol/gpu/','sha512:16384:26f6161acfae8ed2:72c5151a486ab375de0aa627da00bacbcc39eadeb7f5814ef476781d96ee4694a57996db23f7c57bcbc6a9aca3a87f344d339060aa7abe702e5deae42d295e52','/user/carol/gpu/oauth_callback','["access:servers!server=carol/gpu"]');
INSERT INTO "oauth_clients" VALUES(5,'jupyterhub-user-carol-Big_One','Server at /user/carol/Big_One/','sha512:16384:98e49afe63e71b3c:fc4eee9e6428af123ae97a77f2fbde16ec33f032f5c39842c25de6b29a303970ed12c36470fafbeca448416a82781981c581732c8523f2cb0cc2553e02c6f57c','/user/carol/Big_One/oauth_callback','["access:servers!server=carol/Big_One"]');
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
	managed_by_auth BOOLEAN NOT NULL, 
	CONSTRAINT pk_roles PRIMARY KEY (id), 
	CONSTRAINT uq_roles_name UNIQUE (name)
);
INSERT INTO "roles" VALUES(1,'user','Standard user privileges','["self"]',0);
INSERT INTO "roles" VALUES(2,'server','Post activity only','["users:activity!user", "access:servers!server"]',0);
INSERT INTO "roles" VALUES(3,'token','Token with same permissions as its owner','["inherit"]',0);
INSERT INTO "roles" VALUES(4,'admin','Elevated privileges (can do anything)','["admin-ui", "admin:users", "admin:servers", "admin:services", "tokens", "admin:groups", "list:services", "read:services", "read:hub", "proxy", "shutdown", "access:services", "access:servers", "read:roles", "read:metrics", "shares"]',0);
CREATE TABLE servers (
	id INTEGER NOT NULL, 
	proto VARCHAR(15), 
	ip VARCHAR(255), 
	port INTEGER, 
	base_url VARCHAR(255), 
	cookie_name VARCHAR(255), 
	CONSTRAINT pk_servers PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES(1,'http','127.0.0.1',34413,'/user/alice/','cookie');
INSERT INTO "servers" VALUES(2,'http','127.0.0.1',34413,'/user/bob/','cookie');
INSERT INTO "servers" VALUES(3,'http','127.0.0.1',34413,'/user/carol/gpu/','cookie');
INSERT INTO "servers" VALUES(4,'http','127.0.0.1',34413,'/user/carol/Big_One/','cookie');
CREATE TABLE service_role_map (
	service_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	managed_by_auth BOOLEAN NOT NULL, 
	CONSTRAINT pk_service_role_map PRIMARY KEY (service_id, role_id), 
	CONSTRAINT fk_service_role_map_service_id_services FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	CONSTRAINT fk_service_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "service_role_map" VALUES(1,4,0);
CREATE TABLE services (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	url VARCHAR(2047), 
	oauth_client_allowed_scopes TEXT, 
	info TEXT, 
	display BOOLEAN, 
	oauth_no_confirm BOOLEAN, 
	command TEXT, 
	cwd VARCHAR(4095), 
	environment TEXT, 
	user VARCHAR(255), 
	from_config BOOLEAN, 
	_server_id INTEGER, 
	pid INTEGER, 
	oauth_client_id VARCHAR(255), 
	CONSTRAINT pk_services PRIMARY KEY (id), 
	CONSTRAINT uq_services_name UNIQUE (name), 
	CONSTRAINT fk_services__server_id_servers FOREIGN KEY(_server_id) REFERENCES servers (id) ON DELETE SET NULL, 
	CONSTRAINT fk_services_oauth_client_id_oauth_clients FOREIGN KEY(oauth_client_id) REFERENCES oauth_clients (identifier) ON DELETE SET NULL
);
INSERT INTO "services" VALUES(1,'maker',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL);
CREATE TABLE share_codes (
	hashed VARCHAR(255), 
	prefix VARCHAR(16), 
	exchange_count INTEGER, 
	last_exchanged_at DATETIME, 
	id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	scopes TEXT, 
	expires_at DATETIME, 
	owner_id INTEGER, 
	spawner_id INTEGER, 
	CONSTRAINT pk_share_codes PRIMARY KEY (id), 
	CONSTRAINT uq_share_codes_hashed UNIQUE (hashed), 
	CONSTRAINT fk_share_codes_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_share_codes_spawner_id_spawners FOREIGN KEY(spawner_id) REFERENCES spawners (id) ON DELETE CASCADE
);
CREATE TABLE shares (
	user_id INTEGER, 
	group_id INTEGER, 
	id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	scopes TEXT, 
	expires_at DATETIME, 
	owner_id INTEGER, 
	spawner_id INTEGER, 
	CONSTRAINT pk_shares PRIMARY KEY (id), 
	CONSTRAINT fk_shares_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_shares_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_shares_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_shares_spawner_id_spawners FOREIGN KEY(spawner_id) REFERENCES spawners (id) ON DELETE CASCADE
);
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
INSERT INTO "spawners" VALUES(1,2,1,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e01", "userserver_port": 8001}','','2026-11-29 00:39:05.971841','2026-11-29 00:39:05.971841','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-alice');
INSERT INTO "spawners" VALUES(2,3,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(3,4,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(4,5,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(5,6,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(6,1,2,'{"machineid": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e02", "serverport": 8000}','','2026-11-29 00:39:06.038462','2026-11-29 00:39:06.038462','{"machineimage": "Default image", "machinesize": "m1.small"}','jupyterhub-user-bob');
INSERT INTO "spawners" VALUES(7,3,3,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e03", "userserver_port": 8003}','gpu','2026-11-29 00:39:06.098037','2026-11-29 00:39:06.098037','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-carol-gpu');
INSERT INTO "spawners" VALUES(8,3,4,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e04", "userserver_port": 8004}','Big_One','2026-11-29 00:39:06.171201','2026-11-29 00:39:06.171201','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-carol-Big_One');
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
	managed_by_auth BOOLEAN NOT NULL, 
	CONSTRAINT pk_user_role_map PRIMARY KEY (user_id, role_id), 
	CONSTRAINT fk_user_role_map_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_user_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "user_role_map" VALUES(1,4,0);
INSERT INTO "user_role_map" VALUES(1,1,0);
INSERT INTO "user_role_map" VALUES(2,1,0);
INSERT INTO "user_role_map" VALUES(3,1,0);
INSERT INTO "user_role_map" VALUES(4,1,0);
INSERT INTO "user_role_map" VALUES(5,1,0);
INSERT INTO "user_role_map" VALUES(6,1,0);
INSERT INTO "user_role_map" VALUES(6,4,0);
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
INSERT INTO "users" VALUES(1,'bob',1,'2026-11-29 00:39:05.076057','2026-11-29 00:39:06.038462','0f61fb71725c409ca1ddccf5b5f5e78f','{}',NULL);
INSERT INTO "users" VALUES(2,'alice',0,'2026-11-29 00:39:05.500647','2026-11-29 00:39:05.971841','149aa974eca841faac155d2f3d413ab5','{}',NULL);
INSERT INTO "users" VALUES(3,'carol',0,'2026-11-29 00:39:05.526904','2026-11-29 00:39:06.171201','830c4934475c44aaa1850c0cc5095931','{}',NULL);
INSERT INTO "users" VALUES(4,'dave',0,'2026-11-29 00:39:05.608556',NULL,'1e76529ab852454eacda6178402e0202',NULL,X'6741414141414272433351703247353034663158364F56547470636A2D6C4B516770344756727A354947423472304853736C496A53506F6B49696D556E64646644446241672D4A5475426A50415539713646744D5F585650365932333968477959434D6B77314D32594F32466170326E7A636D694E43493D');
INSERT INTO "users" VALUES(5,'o''hara',0,'2026-11-29 00:39:05.647671',NULL,'3172bbe87f004c3ba565682603a08496',NULL,NULL);
INSERT INTO "users" VALUES(6,'erin',1,'2026-11-29 00:39:05.717289',NULL,'bd893a9522f94bbf966f772b0f3ac410',NULL,NULL);
CREATE INDEX ix_share_codes_prefix ON share_codes (prefix);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMIT;
