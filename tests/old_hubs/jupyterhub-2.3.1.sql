BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('833da8570507');
CREATE TABLE api_token_role_map (
	api_token_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_api_token_role_map PRIMARY KEY (api_token_id, role_id), 
	CONSTRAINT fk_api_token_role_map_api_token_id_api_tokens FOREIGN KEY(api_token_id) REFERENCES api_tokens (id) ON DELETE CASCADE, 
	CONSTRAINT fk_api_token_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "api_token_role_map" VALUES(1,3);
INSERT INTO "api_token_role_map" VALUES(2,2);
INSERT INTO "api_token_role_map" VALUES(3,2);
INSERT INTO "api_token_role_map" VALUES(4,2);
INSERT INTO "api_token_role_map" VALUES(5,2);
INSERT INTO "api_token_role_map" VALUES(6,3);
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
	CONSTRAINT pk_api_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_api_tokens_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_api_tokens_service_id_services FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	CONSTRAINT uq_api_tokens_hashed UNIQUE (hashed), 
	CONSTRAINT fk_api_tokens_client_id_oauth_clients FOREIGN KEY(client_id) REFERENCES oauth_clients (identifier) ON DELETE CASCADE
);
INSERT INTO "api_tokens" VALUES(NULL,1,1,'sha512:16384:e62b078310454f06:1cba13ca11e7e66d51b494c65c73b76e302002cec605dd8aaf37766b315d372721bc6687b26dc97a776d473fcfe71f82a81ad4a3ed4852dd964fc65a4cce6604','0123','jupyterhub',NULL,'2026-11-29 00:39:16.846193',NULL,'2026-11-29 00:39:17.065099','from config');
INSERT INTO "api_tokens" VALUES(2,NULL,2,'sha512:1:f1c966f11aa40a58:992ee5225add6c78c33d2be351faf7107e4be260d21539893d9ed79918fccff9cc5a1de2f4e9c51ebd9d6d7ca9e1142cab881a1a0b832aaf893c176dac83afc5','b1a1','jupyterhub',NULL,'2026-11-29 00:39:17.499643',NULL,NULL,'Server at /user/alice/');
INSERT INTO "api_tokens" VALUES(1,NULL,3,'sha512:1:6ec6051afa8c7842:e3ef9d35b1402fbe94568526f4d2413d1c77de51d628799b94d8d298609f39be09c275ccc59a49f558d9940ad180a6104c20be170c33c715764d368be9ee409d','1841','jupyterhub',NULL,'2026-11-29 00:39:17.651092',NULL,NULL,'Server at /user/bob/');
INSERT INTO "api_tokens" VALUES(3,NULL,4,'sha512:1:58753d2677fb6693:d8e274eaccf9cd63888ef9f38ca55c6c0a5eddd6e411cc66eb9da6b62dfe877b57c5baf229a33de6dd24e40d7dcf4b1a4eb9dddbbe862f1adcce1f8bef303e54','31cd','jupyterhub',NULL,'2026-11-29 00:39:17.774435',NULL,NULL,'Server at /user/carol/gpu/');
INSERT INTO "api_tokens" VALUES(3,NULL,5,'sha512:1:885b31b6d294c98e:0a3f4f6f55731cae45baf34ba21e34af12333e6ed2a5df80ddcce7e85bfe116af2fa8852b92350ccf4a57edaa10741ca7a6412df4347b7f90e13a29a24a4a517','3efd','jupyterhub',NULL,'2026-11-29 00:39:17.913116',NULL,NULL,'Server at /user/carol/Big_One/');
INSERT INTO "api_tokens" VALUES(2,NULL,6,'sha512:1:d7f5c9f4b0bb2009:6e90c6113bfc738010db8095377409d09bd6fd4f70f71682c7072a33c0fa59145df50f6f375800e6c59f987aa34ff053b5ce34e9456dc1bcf98d3f478ca6a91c','2351','jupyterhub',NULL,'2026-11-29 00:39:17.975669',NULL,NULL,'of a script of hers');
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
CREATE TABLE oauth_client_role_map (
	oauth_client_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_oauth_client_role_map PRIMARY KEY (oauth_client_id, role_id), 
	CONSTRAINT fk_oauth_client_role_map_oauth_client_id_oauth_clients FOREIGN KEY(oauth_client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE, 
	CONSTRAINT fk_oauth_client_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
CREATE TABLE oauth_clients (
	id INTEGER NOT NULL, 
	identifier VARCHAR(255), 
	description VARCHAR(1023), 
	secret VARCHAR(255), 
	redirect_uri VARCHAR(1023), 
	CONSTRAINT pk_oauth_clients PRIMARY KEY (id), 
	CONSTRAINT uq_oauth_clients_identifier UNIQUE (identifier)
);
INSERT INTO "oauth_clients" VALUES(1,'jupyterhub','JupyterHub','','');
INSERT INTO "oauth_clients" VALUES(2,'jupyterhub-user-alice','Server at /user/alice/','sha512:16384:b6a4d1f833e8b9f0:1544e81c1bc6b14284f3c3856355fbb608e68a122644aaecf322cf042e25e2c00ecf5144868fb6ed982ebfbde8800247fd21e65d7ee8861e02a73b46f2d057c4','/user/alice/oauth_callback');
INSERT INTO "oauth_clients" VALUES(3,'jupyterhub-user-bob','Server at /user/bob/','sha512:16384:c5d7096d8b813b58:f44c7e1b54077ba1a2612b681660358d5118b9c3b8c603bd505fc4e28989b9292e8a683a21a82fc2cf57064a7bbe1aa695d66a67fb6be341a5371e651beea426','/user/bob/oauth_callback');
INSERT INTO "oauth_clients" VALUES(4,'jupyterhub-user-carol-gpu','Server at /user/carol/gpu/','sha512:16384:e197b588b021213f:963f4e1ae79c42f853d7795b25550e6c383941ea7f06bbea7677f79001d7beb33ce5b267c95294c8b0248391c6e0a4b56afffa7b6e0523d3b6c0b96052c3804b','/user/carol/gpu/oauth_callback');
INSERT INTO "oauth_clients" VALUES(5,'jupyterhub-user-carol-Big_One','Server at /user/carol/Big_One/','sha512:16384:730d76c7ebf1f1b2:3c4732595eb8b620dd938a755dd240ca5da01732e8d680cf605adc9925b92fe4101177aa93d9073136a59f1634ade78563f828addc9033f6454e2edd3528514a','/user/carol/Big_One/oauth_callback');
CREATE TABLE oauth_code_role_map (
	oauth_code_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_oauth_code_role_map PRIMARY KEY (oauth_code_id, role_id), 
	CONSTRAINT fk_oauth_code_role_map_oauth_code_id_oauth_codes FOREIGN KEY(oauth_code_id) REFERENCES oauth_codes (id) ON DELETE CASCADE, 
	CONSTRAINT fk_oauth_code_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
CREATE TABLE oauth_codes (
	id INTEGER NOT NULL, 
	client_id VARCHAR(255), 
	code VARCHAR(36), 
	expires_at INTEGER, 
	redirect_uri VARCHAR(1023), 
	session_id VARCHAR(255), 
	user_id INTEGER, 
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
INSERT INTO "roles" VALUES(4,'admin','Elevated privileges (can do anything)','["admin:users", "admin:servers", "tokens", "admin:groups", "list:services", "read:services", "read:hub", "proxy", "shutdown", "access:services", "access:servers", "read:roles", "read:metrics"]');
CREATE TABLE servers (
	id INTEGER NOT NULL, 
	proto VARCHAR(15), 
	ip VARCHAR(255), 
	port INTEGER, 
	base_url VARCHAR(255), 
	cookie_name VARCHAR(255), 
	CONSTRAINT pk_servers PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES(1,'http','127.0.0.1',46127,'/user/alice/','cookie');
INSERT INTO "servers" VALUES(2,'http','127.0.0.1',46127,'/user/bob/','cookie');
INSERT INTO "servers" VALUES(3,'http','127.0.0.1',46127,'/user/carol/gpu/','cookie');
INSERT INTO "servers" VALUES(4,'http','127.0.0.1',46127,'/user/carol/Big_One/','cookie');
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
INSERT INTO "spawners" VALUES(1,1,2,'{"machineid": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e02", "serverport": 8000}','','2026-11-29 00:39:17.717635','2026-11-29 00:39:17.717635','{"machineimage": "Default image", "machinesize": "m1.small"}','jupyterhub-user-bob');
INSERT INTO "spawners" VALUES(2,2,1,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e01", "userserver_port": 8001}','','2026-11-29 00:39:17.547138','2026-11-29 00:39:17.547138','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-alice');
INSERT INTO "spawners" VALUES(3,3,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(4,4,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(5,5,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(6,6,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(7,3,3,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e03", "userserver_port": 8003}','gpu','2026-11-29 00:39:17.807097','2026-11-29 00:39:17.807097','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-carol-gpu');
INSERT INTO "spawners" VALUES(8,3,4,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e04", "userserver_port": 8004}','Big_One','2026-11-29 00:39:17.938615','2026-11-29 00:39:17.938615','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-carol-Big_One');
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
INSERT INTO "users" VALUES(1,'bob',1,'2026-11-29 00:39:16.650351','2026-11-29 00:39:17.717635','ab0014e3255d47cc8597c4e40556f41d','{}',NULL);
INSERT INTO "users" VALUES(2,'alice',0,'2026-11-29 00:39:17.146129','2026-11-29 00:39:17.547138','54fae553e4834bec85a4742227b18a34','{}',NULL);
INSERT INTO "users" VALUES(3,'carol',0,'2026-11-29 00:39:17.168777','2026-11-29 00:39:17.938615','3f090bd1120d4677ba00b6fa0f81166d','{}',NULL);
INSERT INTO "users" VALUES(4,'dave',0,'2026-11-29 00:39:17.183595',NULL,'037d745098a9494e89013642de4be54d',NULL,X'674141414141427243335131673033636F4556585A5434684673596E5352336D646A38545A6D736A372D4C2D514B4C6B52667073704E48356765614A354E6F7A315771773130762D6A4735436D49586D6667596F673256544341713344693764756C4344445F2D616C696E5A455279375F6B6B6B3976633D');
INSERT INTO "users" VALUES(5,'o''hara',0,'2026-11-29 00:39:17.198500',NULL,'6cbb6d22c75e41c3ae46c711637c7ac0',NULL,NULL);
INSERT INTO "users" VALUES(6,'erin',1,'2026-11-29 00:39:17.226916',NULL,'2c3e216bcf384a4aaec0325fae31e6be',NULL,NULL);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMIT;
