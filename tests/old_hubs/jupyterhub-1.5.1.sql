BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('4dc2d5a8c53c');
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
INSERT INTO "api_tokens" VALUES(NULL,1,1,'sha512:16384:349010ae9ce4cb22:0fe09f1a56c9b2c965c19844473f93b1bed32dba9cdade943565f9ad9a59865e131d2c106e4c3064767eb31805d35bcda4d7c9924104d84ac4a560f2a2855df7','0123','2026-11-29 00:40:01.053762',NULL,'2026-11-29 00:40:01.277631','from config');
INSERT INTO "api_tokens" VALUES(2,NULL,2,'sha512:1:884df5f73177a668:b33d830e8753c082b33ab747c588670d03f3e64d9c27db190fa45b8ef9dd05c3956f5715c3e0c2c153678aa5ca72a0bc17409471a399cf557017cffc7112f708','a45c','2026-11-29 00:40:01.754800',NULL,NULL,'Server at /user/alice/');
INSERT INTO "api_tokens" VALUES(1,NULL,3,'sha512:1:8fab79a78e524e99:a7ca056cee77071bddcc0b1526d378b555b6f8a64e699245a45127df5ed226965f00c99fc13ba26dd908befd7fe66103311b6657d9bf4aa85af42a43802b384d','7cea','2026-11-29 00:40:01.956811',NULL,NULL,'Server at /user/bob/');
INSERT INTO "api_tokens" VALUES(3,NULL,4,'sha512:1:dbe96c504c3e3b52:4fb49eca6e99b061cfec8c8d84c26149d9b9b0b2c6c9592b31b79be5bd7e6d7ab845d1cb879b2e2f0920069eb6ec40a72dcc7dc3b237135b91e8db9a94ef70b0','eb6c','2026-11-29 00:40:02.091381',NULL,NULL,'Server at /user/carol/gpu/');
INSERT INTO "api_tokens" VALUES(3,NULL,5,'sha512:1:780e6ad4cd5cf9e7:61390637d21af5898f454cbec1ce3da37c5dfd7909b055120e932d2a7fccb1cbb2ad9433762f7a9e9a8b37eed7a149d6abe14f774cc91496e1e4d7753d86daa0','2518','2026-11-29 00:40:02.229334',NULL,NULL,'Server at /user/carol/Big_One/');
INSERT INTO "api_tokens" VALUES(2,NULL,6,'sha512:1:c8e99a9cd4548a84:e98eaf5df9277e89bed22232855548184c36116f95a423abaaf783b06a04b14414c8e1cd484c9505f890f4fe8c8bd2e68796090186718eb3fffc4955ac2278af','9304','2026-11-29 00:40:02.317404',NULL,NULL,'of a script of hers');
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
INSERT INTO "oauth_clients" VALUES(1,'jupyterhub-user-alice','Server at /user/alice/','sha512:16384:5e81e0da0fa7ec25:054a6c3c91089bcf1f9b879ad75fe4acf1c2f1ed0a1a42af3c95ba1010bad59d20b80bbd1fa587f8975d5972e3fba7f778e17cb7c3444d8df7e177a4bbe40f08','/user/alice/oauth_callback');
INSERT INTO "oauth_clients" VALUES(2,'jupyterhub-user-bob','Server at /user/bob/','sha512:16384:d553015dc8b5c661:40ea215be053ba80bad69a4a43d98442833de58cdd1692a033c67faf8af5c09a6af1471adee832ef62d35075106648e74f3556af7bfd0f9c411c4fc2c8c50436','/user/bob/oauth_callback');
INSERT INTO "oauth_clients" VALUES(3,'jupyterhub-user-carol-gpu','Server at /user/carol/gpu/','sha512:16384:3966cab56dc693ef:6629bdb19566cc01a4026e913949cba34ccd580b8075858c9af78398d1fd3f38b1f67ad259671410f66a81ebf50709632c18912097492cefd6cea00f9a6541fa','/user/carol/gpu/oauth_callback');
INSERT INTO "oauth_clients" VALUES(4,'jupyterhub-user-carol-Big_One','Server at /user/carol/Big_One/','sha512:16384:da8eb47e2ec6b2ab:e6f8fcd8a299fbe41473cb7ba48e0a7379836b8b502b6589f43e8ec30616c427cb58b180d39a4d72e298f438537b033bac5881aa968ad91fabebd0f30fef4997','/user/carol/Big_One/oauth_callback');
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
INSERT INTO "servers" VALUES(1,'http','127.0.0.1',35265,'/user/alice/','cookie');
INSERT INTO "servers" VALUES(2,'http','127.0.0.1',35265,'/user/bob/','cookie');
INSERT INTO "servers" VALUES(3,'http','127.0.0.1',35265,'/user/carol/gpu/','cookie');
INSERT INTO "servers" VALUES(4,'http','127.0.0.1',35265,'/user/carol/Big_One/','cookie');
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
	user_options TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	FOREIGN KEY(server_id) REFERENCES servers (id) ON DELETE SET NULL
);
INSERT INTO "spawners" VALUES(1,1,2,'{"machineid": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e02", "serverport": 8000}','','2026-11-29 00:40:01.995269','2026-11-29 00:40:01.995269','{"machineimage": "Default image", "machinesize": "m1.small"}');
INSERT INTO "spawners" VALUES(2,2,1,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e01", "userserver_port": 8001}','','2026-11-29 00:40:01.837487','2026-11-29 00:40:01.837487','{"userserver_image": "Default image", "userserver_size": "m1.small"}');
INSERT INTO "spawners" VALUES(3,3,NULL,NULL,'',NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(4,4,NULL,NULL,'',NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(5,5,NULL,NULL,'',NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(6,6,NULL,NULL,'',NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(7,3,3,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e03", "userserver_port": 8003}','gpu','2026-11-29 00:40:02.124857','2026-11-29 00:40:02.124857','{"userserver_image": "Default image", "userserver_size": "m1.small"}');
INSERT INTO "spawners" VALUES(8,3,4,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e04", "userserver_port": 8004}','Big_One','2026-11-29 00:40:02.259316','2026-11-29 00:40:02.259316','{"userserver_image": "Default image", "userserver_size": "m1.small"}');
CREATE TABLE user_group_map (
	user_id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	PRIMARY KEY (user_id, group_id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
);
INSERT INTO "user_group_map" VALUES(3,1);
INSERT INTO "user_group_map" VALUES(2,1);
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
INSERT INTO "users" VALUES(1,'bob',1,'2026-11-29 00:40:01.028049','2026-11-29 00:40:01.995269','690a67c8cc524fa3872ab6c934c125d4','{}',NULL);
INSERT INTO "users" VALUES(2,'alice',0,'2026-11-29 00:40:01.367062','2026-11-29 00:40:01.837487','4b153fa111534701a88160e60cb5d79f','{}',NULL);
INSERT INTO "users" VALUES(3,'carol',0,'2026-11-29 00:40:01.381067','2026-11-29 00:40:02.259316','f6c0bbfdfdb14a02b4b86033291c87af','{}',NULL);
INSERT INTO "users" VALUES(4,'dave',0,'2026-11-29 00:40:01.388901',NULL,'c164e5895bab40f68f790ef42aeba0aa',NULL,X'674141414141427243335268775838736339565A50565A6F556138634E617350747537416A36375F54355450437436485F51414E47757067773630323954394F71384D30656F586C644F576F74315672495541322D54476D5751662D6B74693663444165385034476A36454F6E4C5F59663771793273633D');
INSERT INTO "users" VALUES(5,'o''hara',0,'2026-11-29 00:40:01.400830',NULL,'216d2fa7d84b4fc7b5f1094fd07febbd',NULL,NULL);
INSERT INTO "users" VALUES(6,'erin',1,'2026-11-29 00:40:01.429470',NULL,'d9d74d1aa9a042e989c4767bc0ea30b9',NULL,NULL);
CREATE INDEX ix_oauth_access_tokens_prefix ON oauth_access_tokens (prefix);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMIT;
