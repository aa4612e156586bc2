BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('896818069c98');
CREATE TABLE api_tokens (
	user_id INTEGER, 
	service_id INTEGER, 
	id INTEGER NOT NULL, 
	hashed VARCHAR(255), 
	prefix VARCHAR(16), 
	created DATETIME, 
	expires_at DATETIME, 
	last_activity DATETIME, 
	note VARCHAR(1023), 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	UNIQUE (hashed)
);
INSERT INTO "api_tokens" VALUES(NULL,1,1,'sha512:16384:975c6bf6c575a781:2fac8c1c848d1de2f129ae06efb05b2b0d3c27c704a99d8456f5293a7b30a1b780cfad9a74557f5b087362e9765795608aff1e0ca95c6bcfda0692df7d8e58fe','0123','2026-11-29 00:40:49.624296',NULL,'2026-11-29 00:40:50.417602','from config');
INSERT INTO "api_tokens" VALUES(2,NULL,2,'sha512:1:635d4ab7c9346346:5d8bf12761ccee333257a8370a4cd5e4b3b1bae376ba0d2005bdeee5c64a8e72d1fd2f3c33ead58960d62f23d509eccafb3799c3d4bf8a99b9b04c96bc50ff8c','5846','2026-11-29 00:40:50.035238',NULL,NULL,'Server at /user/alice/');
INSERT INTO "api_tokens" VALUES(1,NULL,3,'sha512:1:3261e48f1b1bc25a:f113d753d6d90f6422d6d36c73c1a92aaad90bb8f9515863567b3c3c7910db83801ea70025b2f8b5406d24cef6c171332e7ece60b6f7a3c7aae411f91d14ecf8','bf65','2026-11-29 00:40:50.198014',NULL,NULL,'Server at /user/bob/');
INSERT INTO "api_tokens" VALUES(3,NULL,4,'sha512:1:8d7effe88b115f46:ced62d98716fd4c42cd34e7596bf55e9716ee9a71f4edfb4b16512f82b58c8adc7b36445aea23c8ad5d3459280bfe56b274b2852814f809f4eec3ee77792e161','c35a','2026-11-29 00:40:50.281148',NULL,NULL,'Server at /user/carol/gpu/');
INSERT INTO "api_tokens" VALUES(3,NULL,5,'sha512:1:895cdeefcbf432e4:e7b3aefb4c408d5e161ebe4ea218822833e2a1d6af8cd7818218ac4723fb1895ea2834a5d0b5a83d5dc4f43f6c90437029cad6d5ca8aecbb7440b28a5cbb20b8','12e0','2026-11-29 00:40:50.351820',NULL,NULL,'Server at /user/carol/Big_One/');
INSERT INTO "api_tokens" VALUES(2,NULL,6,'sha512:1:9e1934d635206784:2eeffe5eb66b06dad6a1acef3539db73011a4887e46158202e7c4e42da54e10bcd95100cf14003282804c019516a42286bfc7507636198aced4cef78d7d3203e','282a','2026-11-29 00:40:50.423480',NULL,NULL,'of a script of hers');
CREATE TABLE groups (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "groups" VALUES(1,'students');
INSERT INTO "groups" VALUES(2,'teachers');
CREATE TABLE oauth_access_tokens (
	id INTEGER NOT NULL, 
	client_id VARCHAR(255), 
	grant_type VARCHAR(18) NOT NULL, 
	expires_at INTEGER, 
	refresh_token VARCHAR(255), 
	refresh_expires_at INTEGER, 
	user_id INTEGER, 
	session_id VARCHAR(255), 
	hashed VARCHAR(255), 
	prefix VARCHAR(16), 
	created DATETIME, 
	last_activity DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(client_id) REFERENCES oauth_clients (identifier) ON DELETE CASCADE, 
	CONSTRAINT granttype CHECK (grant_type IN ('authorization_code', 'implicit', 'password', 'client_credentials', 'refresh_token')), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	UNIQUE (hashed)
);
CREATE TABLE oauth_clients (
	id INTEGER NOT NULL, 
	identifier VARCHAR(255), 
	description VARCHAR(1023), 
	secret VARCHAR(255), 
	redirect_uri VARCHAR(1023), 
	PRIMARY KEY (id), 
	UNIQUE (identifier)
);
INSERT INTO "oauth_clients" VALUES(1,'jupyterhub-user-alice','Server at /user/alice/','sha512:16384:50959125225465f9:e8dfda9b58474468637014ce0402797b6ce18ac0bd431c7e768bd59250b886a87f366a0fed445afa273c7142f262691dece7740cb6539c4258154ecba9610388','/user/alice/oauth_callback');
INSERT INTO "oauth_clients" VALUES(2,'jupyterhub-user-bob','Server at /user/bob/','sha512:16384:4e5c816efa9154e5:ab81cc48cc3929beb860ee05e92ea49b5a66b91655c58fae905895dd77353adcc00d4f190bbd007ec76fbcc182f844aa2954d407b8a68179da855eb57245e701','/user/bob/oauth_callback');
INSERT INTO "oauth_clients" VALUES(3,'jupyterhub-user-carol-gpu','Server at /user/carol/gpu/','sha512:16384:12d4151d2f3164a5:75d9a8937d1752825c0419b37600327962eab1c01b20bbe91f42cae879cf4bedc8ffc1e561a03a5570e3d6104d3c0c118016ab6df69f03cbf98a890e22752c10','/user/carol/gpu/oauth_callback');
INSERT INTO "oauth_clients" VALUES(4,'jupyterhub-user-carol-Big_One','Server at /user/carol/Big_One/','sha512:16384:74b47d317f532c2c:0d95a76f6eebf791a2e0c1beaa40488276c8b64d8cc7631dd642d2f9499abf186dd9752ed1f4ae32449ff68312f327195a2c19c6301cff4fc471210a3cfcb646','/user/carol/Big_One/oauth_callback');
CREATE TABLE oauth_codes (
	id INTEGER NOT NULL, 
	client_id VARCHAR(255), 
	code VARCHAR(36), 
	expires_at INTEGER, 
	redirect_uri VARCHAR(1023), 
	session_id VARCHAR(255), 
	user_id INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(client_id) REFERENCES oauth_clients (identifier) ON DELETE CASCADE, 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE servers (
	id INTEGER NOT NULL, 
	proto VARCHAR(15), 
	ip VARCHAR(255), 
	port INTEGER, 
	base_url VARCHAR(255), 
	cookie_name VARCHAR(255), 
	PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES(1,'http','127.0.0.1',37991,'/user/alice/','cookie');
INSERT INTO "servers" VALUES(2,'http','127.0.0.1',37991,'/user/bob/','cookie');
INSERT INTO "servers" VALUES(3,'http','127.0.0.1',37991,'/user/carol/gpu/','cookie');
INSERT INTO "servers" VALUES(4,'http','127.0.0.1',37991,'/user/carol/Big_One/','cookie');
CREATE TABLE services (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	_server_id INTEGER, 
	pid INTEGER, 
	PRIMARY KEY (id), 
	UNIQUE (name), 
	CHECK (admin IN (0, 1)), 
	FOREIGN KEY(_server_id) REFERENCES servers (id) ON DELETE SET NULL
);
INSERT INTO "services" VALUES(1,'maker',1,NULL,NULL);
CREATE TABLE spawners (
	id INTEGER NOT NULL, 
	user_id INTEGER, 
	server_id INTEGER, 
	state TEXT, 
	name VARCHAR(255), 
	started DATETIME, 
	last_activity DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	FOREIGN KEY(server_id) REFERENCES servers (id) ON DELETE SET NULL
);
INSERT INTO "spawners" VALUES(1,2,1,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e01", "userserver_port": 8001}','','2026-11-29 00:40:50.051335','2026-11-29 00:40:50.051335');
INSERT INTO "spawners" VALUES(2,1,2,'{"machineid": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e02", "serverport": 8000}','','2026-11-29 00:40:50.223751','2026-11-29 00:40:50.223751');
INSERT INTO "spawners" VALUES(3,3,3,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e03", "userserver_port": 8003}','gpu','2026-11-29 00:40:50.294096','2026-11-29 00:40:50.294096');
INSERT INTO "spawners" VALUES(4,3,NULL,NULL,'',NULL,NULL);
INSERT INTO "spawners" VALUES(5,3,4,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e04", "userserver_port": 8004}','Big_One','2026-11-29 00:40:50.370870','2026-11-29 00:40:50.370870');
CREATE TABLE user_group_map (
	user_id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	PRIMARY KEY (user_id, group_id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
);
INSERT INTO "user_group_map" VALUES(2,1);
INSERT INTO "user_group_map" VALUES(3,1);
INSERT INTO "user_group_map" VALUES(1,2);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	created DATETIME, 
	last_activity DATETIME, 
	cookie_id VARCHAR(255) NOT NULL, 
	state TEXT, 
	encrypted_auth_state BLOB, 
	PRIMARY KEY (id), 
	UNIQUE (name), 
	CHECK (admin IN (0, 1)), 
	UNIQUE (cookie_id)
);
INSERT INTO "users" VALUES(1,'bob',1,'2026-11-29 00:40:49.599847','2026-11-29 00:40:50.223751','576b3641f23a4944a24c8b20de456a2f','{}',NULL);
INSERT INTO "users" VALUES(2,'alice',0,'2026-11-29 00:40:49.749154','2026-11-29 00:40:50.051335','4fe1b0a8810c46499a4c869fab6bf956','{}',NULL);
INSERT INTO "users" VALUES(3,'carol',0,'2026-11-29 00:40:49.761648','2026-11-29 00:40:50.370870','dc3ad42cbbdf441cbcf5a83bf9054aa6','{}',NULL);
INSERT INTO "users" VALUES(4,'dave',0,'2026-11-29 00:40:49.768867',NULL,'34c92421e2ba422bab944fa6a007c6f6',NULL,X'674141414141427243335352636C484164655544384438564D69757666517043676A5F63742D55434C4E3966444656554355324462546D4F6A3948305262553777326E38394A45426E6B7866796875717277374A6539585476533631426A6A3170734F76644E714D6E6F51394E385A4B6C707639462D493D');
INSERT INTO "users" VALUES(5,'o''hara',0,'2026-11-29 00:40:49.774350',NULL,'1c75388704c44d4cb08979fa795bf619',NULL,NULL);
INSERT INTO "users" VALUES(6,'erin',1,'2026-11-29 00:40:49.799465',NULL,'ec8ee15b7c5a46c789ff350abfbda834',NULL,NULL);
CREATE INDEX ix_oauth_access_tokens_prefix ON oauth_access_tokens (prefix);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMIT;
